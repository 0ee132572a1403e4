"""Everything that waits for a person of the factory, by one statement however much waits."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.domain.pending import PendingKind
from axon_factory.domain.permissions import Action, Principal, may
from axon_factory.domain.text import timestamp
from axon_factory.orders.answers.desk_order import DeskOrder, amounts
from axon_factory.orders.answers.pending import PendingItem, PendingList
from axon_factory.orders.desk.acts import (
    Act,
    acts_on_line,
    acts_on_message,
    acts_on_order,
    acts_on_problem,
    only,
)
from axon_factory.orders.desk.entries import told_of
from axon_factory.orders.policy import Policy

__all__ = ["PendingQuery", "read_pending"]

_LOST_FOR = timedelta(days=7)
"""A message that was given up is shown for so long, as `insights.line` counts it."""

# What waits, found by partial indexes; `ref` tells two entries of one class and order apart. Of
# an order whose data were erased nobody may decide anything.
_FOUND = """
    SELECT 'plan' AS clase, o.id AS order_id, p.version::text AS ref, p.created_at AS desde,
           true AS detiene
    FROM orders o JOIN order_plans p ON p.order_id = o.id AND p.version = o.plan_version
    WHERE o.estado = 'planificacion' AND o.plan_estado = 'pendiente_aprobacion'
      AND o.borrado_at IS NULL
    UNION ALL
    SELECT CASE q.audience WHEN 'operador' THEN 'pregunta' ELSE 'cliente' END, q.order_id,
           q.number::text, q.asked_at, q.blocking
    FROM order_questions q JOIN orders o ON o.id = q.order_id
    WHERE q.answered_at IS NULL AND q.closed_at IS NULL AND o.borrado_at IS NULL
      AND (q.audience = 'operador'
           OR q.audience = 'cliente' AND q.blocking AND q.asked_at < :asked_before)
    UNION ALL
    SELECT 'fallo', id, '', coalesce((fallo ->> 'at')::timestamptz, fallido_at), true
    FROM orders WHERE estado = 'fallido' AND borrado_at IS NULL
    UNION ALL
    SELECT CASE espera WHEN 'persona' THEN 'revision' ELSE 'presupuesto' END, id, '',
           coalesce(told.at, updated_at), true
    FROM orders LEFT JOIN LATERAL (
        SELECT received_at AS at FROM order_events
        WHERE order_id = orders.id
          AND kind IN ('qa.decision_requerida', 'orden.presupuesto_agotado')
        ORDER BY seq DESC LIMIT 1
    ) AS told ON true
    WHERE espera IS NOT NULL AND espera IN ('persona', 'presupuesto') AND borrado_at IS NULL
    UNION ALL
    SELECT 'silencio', id, '', coalesce(heartbeat_at, updated_at), silence = 'estancado'
    FROM orders WHERE session_open AND silence IS NOT NULL AND borrado_at IS NULL
    UNION ALL
    SELECT 'maquina', NULL, espera_causa ->> 'codigo',
           min((espera_causa ->> 'desde')::timestamptz), true
    FROM orders WHERE espera IS NOT NULL AND espera = 'maquina' GROUP BY 3
    UNION ALL
    SELECT 'producto', i.order_id, i.id::text, i.opened_at, false
    FROM product_incidents i WHERE i.closed_at IS NULL
    UNION ALL
    SELECT 'problema', p.order_id, p.number::text, p.reported_at, false
    FROM order_problems p JOIN orders o ON o.id = p.order_id
    WHERE p.closed_at IS NULL AND o.borrado_at IS NULL
    UNION ALL
    SELECT 'aviso', m.order_id, m.id::text, m.given_up_at, false
    FROM outbox_messages m LEFT JOIN orders o ON o.id = m.order_id
    WHERE m.sent_at IS NULL AND m.given_up_at > :lost_after AND o.borrado_at IS NULL
      AND (CAST(:every_message AS boolean) OR m.event LIKE 'cliente.%')
    UNION ALL
    SELECT 'linea', NULL, mode, changed_at, true FROM line_controls WHERE mode <> 'activa'
"""
_MILESTONE = """
    (SELECT jsonb_build_object('id', m.milestone_id, 'commit', m.commit_id, 'at', m.completed_at,
            'nombre', coalesce((
                SELECT planned ->> 'nombre'
                FROM jsonb_array_elements(o.plan -> 'milestones') AS planned
                WHERE planned ->> 'id' = m.milestone_id LIMIT 1
            ), m.milestone_id))
     FROM order_milestones m WHERE m.order_id = o.id AND m.intento = o.intento
     ORDER BY m.completed_at DESC, m.milestone_id DESC LIMIT 1)
"""
_ORDER = """
    detiene DESC, worth DESC NULLS LAST, desde NULLS LAST, rank DESC NULLS LAST, clase,
    order_id, ref
"""
_PENDING = text(
    f"""
    WITH found AS MATERIALIZED ({_FOUND}),
    totals AS (
        SELECT count(*) FILTER (WHERE asked) AS total,
               count(*) FILTER (WHERE asked AND detiene) AS stopping,
               (SELECT jsonb_object_agg(clase, many)
                FROM (SELECT clase, count(*) AS many FROM found GROUP BY 1) AS classes) AS classes,
               (SELECT jsonb_object_agg(moneda, total::text) FROM (
                    SELECT moneda, sum(precio) AS total FROM orders
                    WHERE id IN (SELECT order_id FROM found WHERE detiene) GROUP BY 1
                ) AS worth) AS money
        FROM (
            SELECT detiene, CAST(:every_class AS boolean)
                OR clase = ANY (CAST(:classes AS text[])) AS asked
            FROM found
        ) AS each
    ),
    page AS (
        SELECT found.*, o.prioridad_rank AS rank,
               CASE WHEN CAST(:dearest AS boolean) THEN o.precio END AS worth
        FROM found LEFT JOIN orders o ON o.id = found.order_id
        WHERE CAST(:every_class AS boolean) OR clase = ANY (CAST(:classes AS text[]))
        ORDER BY {_ORDER}
        LIMIT :rows OFFSET :skipped
    )
    SELECT totals.*, page.clase, page.ref, page.desde, page.detiene,
           o.id, o.order_number, o.nombre_producto, o.tipo_producto,
           o.datos_cliente ->> 'nombre' AS cliente, o.cliente_id, o.prioridad, o.estado, o.precio,
           o.moneda, o.plan_estado, o.espera, o.session_open, o.created_by, o.borrado_at,
           CASE page.clase
           WHEN 'plan' THEN (
               SELECT jsonb_build_object('plan_version', p.version, 'plan_hash', p.hash,
                   'planificador', p.planner, 'version_base', p.base_version,
                   'horas', p.plan -> 'estimacion_horas',
                   'horas_catalogo', o.catalogo -> 'estimacion_horas',
                   'hitos', jsonb_array_length(p.plan -> 'milestones'), 'avisos', p.flags,
                   'espera_cliente', EXISTS (
                       SELECT FROM order_questions q
                       WHERE q.order_id = o.id AND q.audience = 'cliente'
                         AND q.answered_at IS NULL AND q.closed_at IS NULL),
                   'rechazo_anterior', (
                       SELECT motivo FROM order_plans before
                       WHERE before.order_id = o.id AND before.version = p.version - 1
                         AND before.estado = 'rechazado'))
               FROM order_plans p WHERE p.order_id = o.id AND p.version = o.plan_version)
           WHEN 'fallo' THEN o.fallo || jsonb_build_object(
               'intento', o.intento, 'ultimo_hito', {_MILESTONE})
           WHEN 'revision' THEN jsonb_build_object(
               'retrabajos', o.retrabajos, 'intento', o.intento, 'ultimo_hito', {_MILESTONE},
               'hallazgos', (
                   SELECT metadata -> 'hallazgos' FROM order_events
                   WHERE order_id = o.id AND kind = 'qa.decision_requerida'
                   ORDER BY seq DESC LIMIT 1))
           WHEN 'presupuesto' THEN jsonb_build_object(
               'usado', (SELECT sum(cost_usd)::text FROM model_calls WHERE order_id = o.id),
               'presupuesto', o.budget_usd::text)
           WHEN 'silencio' THEN jsonb_build_object(
               'nivel', o.silence, 'latido_at', o.heartbeat_at, 'agente', o.asignado_a,
               'constructor', o.builder, 'session_id', o.session_id, 'intento', o.intento)
           WHEN 'producto' THEN (
               SELECT jsonb_build_object('causa', i.kind, 'deploy_url', o.deploy_url,
                                         'maquina', i.machine)
               FROM product_incidents i WHERE i.id = CAST(page.ref AS bigint))
           WHEN 'maquina' THEN (
               SELECT jsonb_build_object('codigo', page.ref, 'ordenes', count(*),
                   'mensaje', (array_agg(w.espera_causa ->> 'mensaje'
                                         ORDER BY w.updated_at DESC))[1],
                   'numeros', (array_agg(
                        w.order_number ORDER BY w.espera_causa ->> 'desde', w.order_number
                    ))[1:20])
               FROM orders w WHERE w.espera IS NOT NULL AND w.espera = 'maquina'
                 AND w.espera_causa ->> 'codigo' = page.ref)
           WHEN 'problema' THEN (
               SELECT jsonb_build_object('numero', p.number, 'descripcion', p.description,
                   'reportado_por', p.reported_by_name, 'deploy_url', o.deploy_url)
               FROM order_problems p
               WHERE p.order_id = o.id AND p.number = CAST(page.ref AS integer))
           WHEN 'aviso' THEN (
               SELECT jsonb_build_object('id', m.id, 'canal', m.channel, 'evento', m.event,
                   'asunto', m.subject, 'destinatario', m.recipient, 'intentos', m.attempts,
                   'ultimo_error', m.last_error)
               FROM outbox_messages m WHERE m.id = CAST(page.ref AS uuid))
           WHEN 'linea' THEN (
               SELECT jsonb_build_object('modo', mode, 'motivo', nullif(reason, ''),
                                         'cambiado_por', changed_by)
               FROM line_controls)
           ELSE (
               SELECT jsonb_build_object('numero', q.number, 'destinatario', q.audience,
                   'pregunta', q.question, 'opciones', q.options, 'bloquea', q.blocking,
                   'preguntado_por', q.asked_by_name, 'recordatorios', q.reminders)
               FROM order_questions q
               WHERE q.order_id = o.id AND q.number = CAST(page.ref AS integer))
           END AS found
    FROM totals LEFT JOIN page ON true LEFT JOIN orders o ON o.id = page.order_id
    ORDER BY {_ORDER}
    """  # noqa: S608 — constants of this module
)


@dataclass(frozen=True, slots=True)
class PendingQuery:
    """Which entries, and a page of them; without classes, all."""

    classes: Sequence[PendingKind] = ()
    limit: int = 100
    offset: int = 0
    sort_by: Literal["desde", "precio"] = "desde"


async def read_pending(
    session: AsyncSession, query: PendingQuery, principal: Principal, policy: Policy, now: datetime
) -> dict[str, Any]:
    """Return what waits for the caller: entries, counts and the money that stands still.

    An entry that the caller may only see has no acts. Messages to others than clients are the
    administrators'.
    """
    found = await session.execute(
        _PENDING,
        {
            "asked_before": now - policy.approval.question_reminder,
            "lost_after": now - _LOST_FOR,
            "every_message": may(principal, Action.MANAGE_NOTIFICATIONS),
            "every_class": not query.classes,
            "classes": [one.value for one in query.classes],
            "dearest": query.sort_by == "precio",
            "rows": query.limit,
            "skipped": query.offset,
        },
    )
    rows: Sequence[Any] = found.all()
    classes: dict[str, int] = rows[0].classes or {}
    items = [_item(row, principal, policy) for row in rows if row.clase is not None]
    return PendingList.of(
        None,
        total=rows[0].total,
        count=len(items),
        limit=query.limit,
        offset=query.offset,
        detienen=rows[0].stopping,
        por_clase=dict(sorted(classes.items())),
        dinero=amounts(rows[0].money),
        pendientes=items,
    )


def _item(row: Any, principal: Principal, policy: Policy) -> dict[str, Any]:  # noqa: ANN401 — a row
    kind = PendingKind(row.clase)
    acts = _acts(kind, row, principal, own_orders=policy.approval.own_orders)
    title, detail = told_of(kind, row, policy, decides=Act.APROBAR in acts)
    return PendingItem.of(
        None,
        id=f"{kind.value}:{row.id or ''}:{row.ref}".rstrip(":"),
        clase=kind.value,
        titulo=title,
        desde=timestamp(row.desde),
        detiene=row.detiene,
        orden=None if row.id is None else DeskOrder.of(row),
        actos=[act.value for act in acts],
        detalle=detail,
    )


_WANTED = {
    PendingKind.PLAN: (Act.APROBAR, Act.EDITAR, Act.PREGUNTAR, Act.RECHAZAR, Act.CANCELAR),
    PendingKind.PREGUNTA: (Act.RESPONDER, Act.CANCELAR),
    PendingKind.CLIENTE: (Act.RESPONDER, Act.CANCELAR),
    PendingKind.FALLO: (Act.REINTENTAR, Act.CANCELAR),
    PendingKind.REVISION: (Act.ACEPTAR, Act.DEVOLVER, Act.FALLAR, Act.CANCELAR),
    PendingKind.PRESUPUESTO: (Act.PRESUPUESTO, Act.CANCELAR),
    PendingKind.SILENCIO: (Act.MIRAR, Act.CANCELAR),
}


def _acts(
    kind: PendingKind,
    row: Any,  # noqa: ANN401 — a row
    principal: Principal,
    *,
    own_orders: bool,
) -> list[Act]:
    if kind is PendingKind.LINEA:
        return acts_on_line(principal)
    if kind is PendingKind.AVISO:
        return acts_on_message(principal)
    if kind is PendingKind.PROBLEMA:
        return acts_on_problem(principal)
    if kind is PendingKind.MAQUINA:
        return [Act.REINTENTAR] if may(principal, Action.RETRY_ORDER) else []
    if kind is PendingKind.PRODUCTO:
        return []
    asked = kind in {PendingKind.PREGUNTA, PendingKind.CLIENTE}
    legal = acts_on_order(row, principal, own_orders=own_orders, question=asked)
    return only(legal, *_WANTED[kind])
