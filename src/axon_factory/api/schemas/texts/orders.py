"""Orders: placing, reporting, filtering, asking, and the line that they take."""

from collections.abc import Mapping
from types import MappingProxyType

from axon_factory.api.schemas.texts.schema_text import SchemaText
from axon_factory.orders.answers.shared import design_example

__all__ = ["ORDERS"]

_ACT = {"accion": "Qué se hace.", "filtro": "Las órdenes que cumplen estos filtros."}

ORDERS: Mapping[str, SchemaText] = MappingProxyType(
    {
        "OrderState": SchemaText("Los ocho estados de una orden (§2.1)."),
        "Priority": SchemaText("Prioridad: `urgente` antes que `alta`, `normal` y `baja`."),
        "LogLevel": SchemaText("Tipo de una entrada del historial."),
        "FailureCause": SchemaText("Causas de fallo, con nombres estables."),
        "NewOrder": SchemaText(
            "Orden nueva (§3.1).",
            {
                "tipo_producto": "Tipo de producto: uno de `GET /api/products/types`.",
                "nombre_producto": "Nombre que el cliente lee.",
                "datos_cliente": "Quién es el cliente y cómo quiere su producto.",
                "cliente_id": "Cliente dueño; los usuarios con ese `cliente_id` la ven.",
                "prioridad": "Prioridad en la fila.",
                "tags": "Etiquetas.",
                "notas_internas": "Notas del equipo; ni el cliente ni los agentes las leen.",
                "construye": "Quién la construye, si no es el que corresponde a su tipo.",
            },
            design_example("3.1-create.request"),
        ),
        "BuilderName": SchemaText("Quién construye: la fábrica o un agente externo."),
        "ClientData": SchemaText(
            "Datos del cliente; las claves adicionales se conservan.",
            {
                "nombre": "Nombre del cliente.",
                "email": "Correo del cliente.",
                "telefono": "Teléfono, en E.164.",
                "industria": "Sector.",
                "pais": "País.",
                "configuracion": "Según el JSON Schema de su tipo de producto "
                "(`GET /api/products/types/{id}`).",
            },
        ),
        "OrderPatch": SchemaText(
            "Cambio de una orden (§3.5). Las fechas de fase son pistas y no cambian nada.",
            {
                "estado": "Estado al que pasa; solo por la tabla de transiciones.",
                "progreso": "Avance, en %; dentro de la banda del estado, y nunca hacia atrás.",
                "asignado_a": "Agente responsable.",
                "session_id": "Sesión del agente que construye.",
                "logs": "Entradas que se agregan al historial; una repetida se ignora.",
                "prioridad": "Prioridad en la fila.",
                "tags": "Etiquetas; reemplazan a las que había.",
                "notas_internas": "Notas del equipo.",
                "motivo": "Por qué; queda en el historial.",
                "datos_cliente": "Corrección de los datos del cliente, como merge patch: solo "
                "cambian las claves enviadas, y null quita una opcional. `configuracion`, solo "
                "antes de construir; el plan que espera se retira y se planifica de nuevo.",
                "nombre_producto": "Corrección del nombre que el cliente lee.",
                "cliente_id": "Otro cliente dueño; null, ninguno.",
                "planificado_at": "Pista: cuándo hubo plan.",
                "construccion_iniciada_at": "Pista: cuándo empezó a construirse.",
                "qa_iniciada_at": "Pista: cuándo empezó la revisión.",
                "entregado_at": "Pista: cuándo se entregó.",
            },
            design_example("3.5-update.request"),
        ),
        "LogEntry": SchemaText(
            "Entrada del historial que un agente envía (§2.1).",
            {
                "timestamp": "Cuándo pasó; sin ella, ahora. Sin zona horaria es UTC.",
                "agente": "Quién lo dice; sin él, quien autentica.",
                "mensaje": "Qué pasó, en una frase.",
                "tipo": "Tipo de la entrada.",
                "metadata": "Datos adicionales.",
            },
        ),
        "CheckReport": SchemaText(
            "El resultado de una verificación, como lo registra quien revisa.",
            {
                "verificacion": "Una de las que exige el tipo de producto.",
                "aprobada": "Si pasó.",
                "intento": "El intento que se revisó.",
                "commit": "El commit que se revisó, entero.",
                "comando": "El comando que se ejecutó.",
                "exit_code": "Su código de salida; 0 si pasó.",
                "duracion_segundos": "Cuánto tardó.",
                "sha256": "SHA-256 de toda su salida.",
                "salida": "El final de su salida.",
                "hallazgos": "Lo que encontró, en frases.",
            },
            {
                "verificacion": "tests",
                "aprobada": True,
                "intento": 1,
                "commit": "9fceb02d0ae598e95dc970b74767f19372d61af8",
                "comando": ["python", "-m", "pytest"],
                "exit_code": 0,
                "duracion_segundos": 8.6,
                "sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            },
        ),
        "LineReason": SchemaText(
            "Por qué cambia el modo de la línea.",
            {"motivo": "Lo lee quien consulta la línea."},
            {"motivo": "Actualización del servidor"},
        ),
        "LineMode": SchemaText(
            "Cómo marcha la línea: `activa`, `drenando`, `pausada`, `detenida`."
        ),
        "ProductTrouble": SchemaText(
            "Qué le pasa a un producto: `supervisor` (murió el supervisor de todos), `caido` "
            "(terminó), `sin_respuesta` (vive y no responde), `puerto_ocupado`, `bucle` (termina "
            "una y otra vez), `sin_maquina` (ningún trabajador lo tiene)."
        ),
        "Reason": SchemaText(
            "Por qué.",
            {"motivo": "Queda en el historial de la orden."},
            {"motivo": "El cliente desistió"},
        ),
        "CredentialRotation": SchemaText(
            "Qué credenciales se rotan.",
            {"nombres": "Cuáles; sin esta clave, todas."},
            {"nombres": ["api_key"]},
        ),
        "OrderErasure": SchemaText(
            "Borrado de los datos personales de una orden.",
            {
                "motivo": "Por qué; lo lee el equipo. No escribas datos personales.",
                "orden": "El número de la orden, para confirmar.",
                "producto": "También el producto: se detiene y se borran sus datos y su código.",
            },
            {
                "motivo": "Solicitud del titular",
                "orden": "ORD-2025-001",
                "producto": True,
            },
        ),
        "QuestionRequest": SchemaText(
            "Pregunta nueva.",
            {
                "pregunta": "Qué se pregunta.",
                "destinatario": "Quién responde: `cliente` u `operador`.",
                "opciones": "Las respuestas posibles; sin ellas, cualquiera.",
                "bloquea": "La orden espera la respuesta; sin bloqueo el trabajo sigue.",
                "clave": "Nombre de la pregunta en este intento: repetirla no pregunta de nuevo.",
            },
            {
                "pregunta": "¿En qué idioma saluda el bot?",
                "destinatario": "cliente",
                "opciones": ["Español", "Inglés"],
                "clave": "idioma-del-saludo",
            },
        ),
        "QuestionAnswer": SchemaText(
            "La respuesta.",
            {"respuesta": "Una de las opciones, si las hay."},
            {"respuesta": "Español"},
        ),
        "NewPortalLink": SchemaText(
            "Enlace nuevo del portal.",
            {"enviar": "Se envía por correo al cliente; si no, solo está en la respuesta."},
            {"enviar": True},
        ),
        "ClientMail": SchemaText("De qué trata un correo al cliente."),
        "LinkState": SchemaText("Si un enlace sirve: `vigente`, `vencido` o `revocado`."),
        "LinkReason": SchemaText(
            "Por qué se emitió un enlace: `alta` de la orden, otro `correo` del cliente, una "
            "`persona` lo pidió, o el anterior estaba `vencido`."
        ),
        "Audience": SchemaText("Quién responde una pregunta."),
        "WaitsFor": SchemaText("Por qué la orden está detenida."),
        "Needs": SchemaText("Quién debe el próximo paso de la orden."),
        "Trouble": SchemaText("Qué le impide trabajar a la máquina."),
        "Silence": SchemaText("Desde hace cuánto el agente que construye no da señales de vida."),
        "OrderFilter": SchemaText(
            "Los filtros de `GET /api/orders`; al menos uno.",
            {
                "estado": "Cualquiera de estos estados.",
                "tipo_producto": "Cualquiera de estos tipos.",
                "prioridad": "Cualquiera de estas prioridades.",
                "tag": "Todas estas etiquetas.",
                "asignado_a": "Cualquiera de estos responsables.",
                "cliente_id": "Cualquiera de estos clientes.",
                "q": "Palabras de la orden, el producto o el cliente.",
                "creado_desde": "Creadas desde este momento.",
                "creado_hasta": "Creadas antes de este momento.",
                "plan_estado": "Cualquiera de estos estados del plan.",
                "espera": "Detenidas por cualquiera de estas causas.",
                "necesita": "Quién debe el próximo paso.",
                "order_number": "Cualquiera de estos números.",
                "actualizado_desde": "Cambiadas desde este momento.",
                "actualizado_hasta": "Cambiadas antes de este momento.",
                "entregado_desde": "Entregadas desde este momento.",
                "entregado_hasta": "Entregadas antes de este momento.",
            },
        ),
        "CancelOrders": SchemaText("Cancela órdenes, con un motivo.", _ACT),
        "RetryOrders": SchemaText("Reintenta órdenes fallidas.", _ACT),
        "PrioritiseOrders": SchemaText("Cambia la prioridad de órdenes.", _ACT),
        "TagOrders": SchemaText("Agrega y quita etiquetas de órdenes.", _ACT),
    }
)
