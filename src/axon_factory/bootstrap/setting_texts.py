"""What each setting does, in Spanish; the English text is the setting's own description."""

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["SPANISH"]

_SERVER = {
    "environment": "`production` exige clave maestra, dirección de la base y una dirección https.",
    "data_dir": "Carpeta con todo lo que la fábrica guarda.",
    "database_url": "Dirección de un PostgreSQL 14 a 18; sin ella, el que trae `axon up`.",
    "pg_bin": "Carpeta con otros programas de PostgreSQL para el que trae la fábrica.",
    "pool_size": "Conexiones a la base que un proceso abre como máximo.",
    "processes": "Procesos que responden en el puerto, cada uno con sus conexiones.",
    "host": "Dirección en la que escuchan la API y las páginas.",
    "port": "Puerto en el que escuchan.",
    "public_url": "Cómo llega el mundo a la fábrica; está en correos y enlaces.",
    "max_body_bytes": "Cuerpo más grande que se lee de una solicitud; si es mayor, 413.",
    "max_header_bytes": "Bytes de encabezados como máximo; si no, 431.",
    "max_address_bytes": "Dirección más larga, con su consulta; si no, 414.",
    "max_json_depth": "Listas y objetos uno dentro de otro en un cuerpo, como máximo.",
    "max_json_values": "Valores en un cuerpo, como máximo.",
    "max_requests_at_once": "Solicitudes que un proceso atiende a la vez; si no, 503.",
    "sockets_at_once": "WebSockets que un proceso mantiene; si no, 503.",
    "socket_subscriptions": "Órdenes, o filtros, que una cuenta sigue en un proceso.",
    "socket_connections": "WebSockets de una cuenta en un proceso.",
    "request_timeout_seconds": "Segundos en los que una solicitud debe llegar entera; si no, 408.",
    "keep_alive_seconds": "Segundos tras los que se cierra una conexión sin uso.",
    "mcp": "La API atiende también a asistentes en `/mcp` (MCP).",
    "url": "Dirección de otra fábrica a la que preguntan los comandos.",
    "api_key": "Clave de API con la que preguntan los comandos.",
    "lang": "Idioma de las preguntas y los avisos de los comandos.",
    "allowed_hosts": "Otros nombres de servidor que una solicitud puede usar; los demás, 421.",
    "cors_origins": "Sitios cuyos programas pueden usar la API desde un navegador.",
    "trusted_proxies": "Redes cuyos `X-Forwarded-For` y `X-Forwarded-Proto` se creen.",
    "rate_limit_reads": "Lecturas por minuto de cada quien; 0: sin límite.",
    "rate_limit_writes": "Escrituras por minuto de cada quien; 0: sin límite.",
    "rate_limit_costly": "Escrituras por minuto que cuestan más: revelar credenciales, actuar "
    "sobre varias órdenes, cuentas y claves; 0: sin límite.",
    "rate_limit_anonymous": "Solicitudes por minuto sin credencial desde una dirección; 0: sin "
    "límite.",
}
_ACCESS = {
    "secret_key": "Clave maestra, de la que sale toda otra clave; sin ella, la de la carpeta.",
    "secret_keys_previous": "Claves maestras anteriores: lo que sellaron o firmaron aún se lee.",
    "access_token_minutes": "Minutos que vale el token de acceso de una sesión.",
    "session_days": "Días que una sesión dura como máximo.",
    "session_idle_hours": "Horas que una sesión dura sin uso.",
    "portal_link_days": "Días que sirve un enlace al portal; 0: hasta que se revoque.",
    "invitation_days": "Días que sirve una invitación.",
    "password_reset_minutes": "Minutos que sirve un enlace para elegir otra contraseña.",
    "login_limit_account": "Entradas fallidas de una cuenta en una ventana.",
    "login_limit_address": "Entradas fallidas desde una dirección en una ventana.",
    "login_limit_global": "Entradas fallidas en total en una ventana.",
    "login_window_minutes": "Minutos de esa ventana; empieza con la primera falla.",
}
_BUSINESS = {
    "timezone": "Zona horaria del negocio: con ella se cuenta el año de un número de orden.",
    "currency": "Moneda que llevan las órdenes nuevas.",
    "tenant": "Nombre que llevan las órdenes nuevas; no separa nada.",
    "approver_email": "A quién se avisa de planes que esperan, fallas y decisiones.",
    "support_email": "Dirección que los clientes ven en los correos y en su portal.",
    "mail_sender": "Remitente de todo correo.",
    "auto_approve": "Tipos de producto cuyos planes se aprueban solos.",
    "max_reworks": "Veces que la revisión devuelve un producto antes de que decida una persona.",
}
_PLANNING = {
    "llm_models": "Modelos que planifican, en el orden en que se intentan; sin ellos, el catálogo.",
    "llm_base_url": "Dirección de un servidor compatible con OpenAI, con su versión.",
    "llm_api_key": "Clave del servidor compatible con OpenAI.",
    "llm_openai_api_key": "Clave de OpenAI.",
    "llm_anthropic_api_key": "Clave de Anthropic.",
    "llm_timeout_seconds": "Segundos que puede tardar una petición a un modelo.",
    "llm_attempts": "Veces que se pide un plan a un modelo antes de pasar al siguiente.",
    "llm_max_output_tokens": "Respuesta más larga de un modelo, en tokens.",
    "llm_order_budget_usd": "Lo que los modelos pueden costar por orden; después decide una "
    "persona.",
    "llm_day_budget_usd": "Lo que los modelos pueden costar en un día.",
    "llm_order_budget_tokens": "Tokens que los modelos pueden usar por orden.",
    "llm_day_budget_tokens": "Tokens que los modelos pueden usar en un día.",
}
_APPROVAL = {
    "auto_approve_max_price": "Precio desde el que ningún plan se aprueba solo.",
    "auto_approve_flagged": "También los planes con advertencias se aprueban solos.",
    "approval_own_orders": "Quien creó una orden puede aprobar su plan.",
    "approval_reminder_hours": "Horas tras las que se recuerda un plan que espera, y cada cuánto.",
    "approval_escalation_hours": "Horas tras las que un plan que espera se escala.",
    "escalation_email": "A quién se avisa entonces; sin él, de nuevo a quien aprueba.",
    "question_reminder_hours": "Horas tras las que se recuerda una pregunta, y cada cuánto.",
}
_AGENTS = {
    "builder": "Quién construye: la fábrica (`templates`), un agente por HTTP, uno que habla A2A o "
    "un agente de línea de comandos.",
    "builder_by_type": "Quién construye los productos de un tipo, si es otro.",
    "agent_http_url": "Dirección del agente autónomo.",
    "agent_http_token": "Token para él.",
    "agent_http_mode": "Modo en que debe trabajar.",
    "agent_a2a_url": "Dirección del agente A2A, donde está su tarjeta.",
    "agent_a2a_token": "Token para él.",
    "agent_command_profile": "Qué agente de línea de comandos se usa.",
    "agent_command_program": "Su programa; sin él, se busca por su nombre usual.",
    "agent_command_model": "Modelo que debe usar; sin él, el que elija.",
    "agent_command_arguments": "Más palabras de su línea de comandos; sin secretos.",
    "agent_command_environment": "Nombres de variables que recibe, como la clave de su proveedor.",
    "agent_command_folders": "Archivos y carpetas que puede leer además de los suyos.",
    "agent_command_minutes": "Minutos que puede durar una corrida.",
    "agent_command_errors_minutes": "Minutos que puede decir solo fallas antes de que la orden "
    "falle.",
    "agent_command_network": "Puede usar la red: el modelo está allí.",
    "agent_poll_seconds": "Cada cuántos segundos se mira a un agente externo.",
    "agent_timeout_seconds": "Segundos que puede tardar una petición a un agente.",
    "agent_stop_seconds": "Segundos que un agente puede tardar en parar; después se le obliga.",
    "agent_artifact_max_mb": "Repositorio más grande que un agente entrega, en MB.",
    "agent_silent_minutes": "Minutos de silencio tras los que un agente se muestra callado.",
    "agent_stuck_minutes": "Minutos de silencio tras los que se muestra estancado.",
    "max_builds": "Órdenes que se construyen a la vez; 0: sin límite.",
    "max_builds_per_client": "Órdenes de un cliente que se construyen a la vez; 0: sin límite.",
    "max_builds_by_type": "Órdenes de un tipo que se construyen a la vez.",
}
_NOTIFICATIONS = {
    "smtp_host": "Servidor de correo; sin él, los correos quedan en la carpeta `mail`.",
    "smtp_port": "Su puerto.",
    "smtp_security": "Cómo se protege la conexión con él.",
    "smtp_user": "Cuenta en el servidor de correo.",
    "smtp_password": "Su contraseña.",
    "client_mails_off": "Correos que los clientes no reciben.",
    "webhook_networks": "Redes que los webhooks alcanzan aunque no sean públicas.",
    "key_webhook_networks": "Lo mismo para los webhooks que registran las claves de API.",
    "webhook_timeout_seconds": "Segundos que puede tardar la entrega de un webhook.",
}
_PRODUCTION = {
    "worker_concurrency": "Trabajos que un trabajador ejecuta a la vez.",
    "heartbeat_seconds": "Cada cuántos segundos un trabajador dice que vive.",
    "stalled_after_seconds": "Segundos de silencio tras los que otros toman lo que tenía.",
    "maintenance_seconds": "Pausa entre los rescates y barridos de un trabajador.",
    "housekeeping_seconds": "Pausa entre sus miradas a lo que se cuenta en horas: recordatorios, "
    "agentes callados, claves vencidas.",
    "step_timeout_seconds": "Segundos que puede tardar un paso.",
    "product_watch_seconds": "Pausa entre las miradas a los productos de una máquina.",
    "disk_floor_mb": "MB libres bajo los que no empieza ningún paso; 0: sin mínimo.",
    "disk_floor_database_mb": "Lo mismo para la carpeta de PostgreSQL.",
    "check_disk_mb": "MB que una revisión de un producto puede escribir.",
    "product_runtime": "Carpeta del entorno de Python que comparten los productos.",
    "product_host": "Dirección en la que escuchan los productos.",
    "product_url": "Cómo llega el mundo a un producto.",
    "product_ports": "Puertos que los productos pueden tener.",
    "sandbox": "`auto` usa bubblewrap donde funciona; `off`, nunca.",
    "log_format": "Forma del registro: líneas para personas, o JSON.",
    "log_level": "Desde qué nivel se registra.",
}

SPANISH: Mapping[str, str] = MappingProxyType(
    _SERVER | _ACCESS | _BUSINESS | _PLANNING | _APPROVAL | _AGENTS | _NOTIFICATIONS | _PRODUCTION
)
"""Name of a setting, as in `Settings`, to its sentence."""
