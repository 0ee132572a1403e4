"""What deciding about one version of a plan needs: warnings, changes, cost, effect, likes of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.db.tables import Order, OrderPlan
from axon_factory.domain.catalogue import ProductType
from axon_factory.domain.catalogue.product_types import default_plan
from axon_factory.domain.errors import PlanNotFound
from axon_factory.domain.permissions import Principal
from axon_factory.domain.plan import Plan
from axon_factory.domain.plan_review import flags_of
from axon_factory.domain.progress import promise, remaining
from axon_factory.domain.states import Audience, OrderState, PlanVersionStatus
from axon_factory.domain.text import Sentence
from axon_factory.orders.answers.brief import (
    BriefCost,
    BriefEffect,
    BriefRange,
    BriefWarning,
    PlanBrief,
    SimilarOrder,
    SimilarOrders,
)
from axon_factory.orders.answers.desk_order import DeskOrder
from axon_factory.orders.answers.plans import plain_amount
from axon_factory.orders.desk.acts import Act, acts_on_order, only
from axon_factory.orders.desk.changes import changes_in_words
from axon_factory.orders.plans.versions import find_plan
from axon_factory.orders.policy import Policy
from axon_factory.orders.promise import kept_promises, measured_pace
from axon_factory.orders.questions.open import open_questions
from axon_factory.orders.runs.capacity import place_if_approved

__all__ = ["read_brief"]

_LOOKED_AT = 1000
_ENOUGH_COSTS = 5
_DAY = timedelta(days=1)
_CENTS = Decimal("0.01")

# The newest deliveries, as the promise looks at them.
_DELIVERED = """
    newest AS (
        SELECT * FROM orders WHERE estado = 'entregado' AND borrado_at IS NULL
        ORDER BY created_at DESC LIMIT :looked_at
    ), delivered AS (
        SELECT *, round((extract(epoch FROM entregado_at - construccion_iniciada_at)
                         / 3600)::numeric, 1)::float AS hours
        FROM newest WHERE tipo_producto = :product_type AND id <> :id
    )
"""
_SIMILAR = text(
    f"""
    WITH {_DELIVERED}, sums AS (
        SELECT count(*) AS orders, count(*) FILTER (WHERE retrabajos = 0) AS clean,
               min(hours) AS least, max(hours) AS most FROM delivered
    )
    SELECT sums.*, likest.* FROM sums LEFT JOIN (
        SELECT order_number, nombre_producto, datos_cliente ->> 'nombre' AS cliente,
               (plan ->> 'estimacion_horas')::float AS horas, hours AS horas_reales, retrabajos,
               entregado_at <= promised_until AS a_tiempo, entregado_at
        FROM delivered
        ORDER BY lower(datos_cliente ->> 'industria') IS NOT DISTINCT FROM lower(:industry) DESC,
                 (SELECT count(*) FROM jsonb_array_elements_text(plan -> 'integraciones') AS has
                  WHERE has = ANY (CAST(:integrations AS text[]))) DESC,
                 entregado_at DESC, id
        LIMIT 3
    ) AS likest ON true
    """  # noqa: S608 — a constant of this module
)
_COST = text(
    f"""
    WITH {_DELIVERED}, costs AS (
        SELECT sum(cost_usd) AS usd FROM model_calls JOIN delivered ON delivered.id = order_id
        GROUP BY order_id HAVING sum(cost_usd) IS NOT NULL
    )
    SELECT count(*) AS measured,
           percentile_cont(0.1) WITHIN GROUP (ORDER BY usd) AS low,
           percentile_cont(0.9) WITHIN GROUP (ORDER BY usd) AS high,
           (SELECT sum(cost_usd) FROM model_calls WHERE order_id = :id) AS used
    FROM costs
    """  # noqa: S608 — the same
)


@dataclass(frozen=True, slots=True)
class _Case:
    """The version that is decided about, with what it is compared with."""

    order: Order
    row: OrderPlan
    product: ProductType
    plan: Plan
    usual: Plan
    before: OrderPlan | None

    @property
    def waits(self) -> bool:
        """Whether this version waits for approval."""
        order = self.order
        return (
            order.estado == OrderState.PLANIFICACION
            and self.row.estado == PlanVersionStatus.PENDIENTE_APROBACION
        )


async def read_brief(
    session: AsyncSession,
    order: Order,
    version: int,
    principal: Principal,
    policy: Policy,
    now: datetime,
) -> dict[str, Any]:
    """Return all that deciding about a version needs.

    Raises:
        PlanNotFound: the order has no such version.
    """
    case = await _case(session, order, version)
    forecast, cost = await _cost(session, case, policy)
    asked = await open_questions(session, order, Audience.CLIENTE)
    effect = await _effect(session, case, policy, now) if case.waits else None
    changed = None
    if case.before is not None:
        changed = changes_in_words(Plan.model_validate(case.before.plan), case.plan)
    acts = acts_on_order(order, principal, own_orders=policy.approval.own_orders)
    decisions = (Act.APROBAR, Act.EDITAR, Act.PREGUNTAR, Act.RECHAZAR, Act.CANCELAR)
    return PlanBrief.of(
        None,
        orden=DeskOrder.of(order, cliente=order.datos_cliente["nombre"]),
        version=case.row.version,
        hash=case.row.hash,
        estado=case.row.estado,
        horas=case.plan.estimacion_horas,
        horas_catalogo=case.usual.estimacion_horas,
        rechazo_anterior=_rejection(case.before),
        advertencias=_warnings(case, forecast, cost["presupuesto_usd"], asked=bool(asked)),
        cuentas_del_cliente=list(case.plan.integraciones),
        cambios_catalogo=changes_in_words(case.usual, case.plan),
        cambios_anterior=changed,
        costo=cost,
        si_apruebas_ahora=effect,
        similares=await _similar(session, case),
        actos=[act.value for act in only(acts, *decisions)] if case.waits else [],
    )


async def _case(session: AsyncSession, order: Order, version: int) -> _Case:
    row = await find_plan(session, order, version)
    if row is None:
        raise PlanNotFound(order.order_number, version)
    product = ProductType.from_snapshot(order.catalogo)
    return _Case(
        order,
        row,
        product,
        Plan.model_validate(row.plan),
        default_plan(product, order.datos_cliente["configuracion"]),
        await find_plan(session, order, version - 1),
    )


def _rejection(before: OrderPlan | None) -> str | None:
    if before is None or before.estado != PlanVersionStatus.RECHAZADO:
        return None
    return before.motivo


def _warnings(
    case: _Case, forecast: Decimal | None, limit: str | None, *, asked: bool
) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if case.waits and asked:
        found.append(
            _warning(
                "cliente_debe_respuesta",
                Sentence(
                    "Se preguntó al cliente y no ha respondido",
                    "The client was asked and has not answered",
                ),
            )
        )
    if forecast is not None and limit is not None and forecast > Decimal(limit):
        usual = forecast.quantize(_CENTS)
        found.append(
            _warning(
                "sobre_presupuesto",
                Sentence(
                    f"Puede costar {usual} USD en modelos y el tope es {limit}",
                    f"It may cost {usual} USD in models and the limit is {limit}",
                ),
            )
        )
    return [*found, *(_warning(flag["codigo"], said) for flag, said in _flags(case))]


def _flags(case: _Case) -> Iterable[tuple[Mapping[str, str], str]]:
    """Yield the version's flags; they are kept in Spanish, and found again say the same in both."""
    configuration = case.order.datos_cliente["configuracion"]
    found = flags_of(case.plan, case.product, configuration)
    again = {str(flag.message): flag.message for flag in found}
    for flag in case.row.flags:
        said: str = flag["mensaje"]
        yield flag, again.get(said, said)


def _warning(code: str, message: str) -> dict[str, Any]:
    return BriefWarning.of(None, codigo=code, mensaje=message)


async def _cost(
    session: AsyncSession, case: _Case, policy: Policy
) -> tuple[Decimal | None, dict[str, Any]]:
    """Return the greater forecast, if there is one, and what is shown of costs."""
    order = case.order
    row = (await session.execute(_COST, _parameters(order))).one()
    known = row.measured >= _ENOUGH_COSTS
    low, high = (Decimal(str(end)) if known else None for end in (row.low, row.high))
    limit = order.budget_usd if order.budget_usd is not None else policy.budgets.order_usd
    margin = None
    if high is not None and order.moneda == "USD" and order.precio > 0:
        margin = round(float(1 - high / order.precio), 4)
    return high, BriefCost.of(
        None,
        previsto_minimo_usd=None if low is None else plain_amount(low.quantize(_CENTS)),
        previsto_maximo_usd=None if high is None else plain_amount(high.quantize(_CENTS)),
        ordenes_medidas=row.measured,
        usado_usd=plain_amount(row.used),
        presupuesto_usd=plain_amount(limit),
        margen=margin,
    )


async def _effect(
    session: AsyncSession, case: _Case, policy: Policy, now: datetime
) -> dict[str, Any]:
    order = case.order
    pace = await measured_pace(session, order.tipo_producto)
    left = remaining(OrderState.CONSTRUCCION, case.plan.estimacion_horas, 0, pace)
    if left is None:
        raise TypeError("building always takes some time")
    kept = await kept_promises(session, order.tipo_producto)
    place = await place_if_approved(session, order, policy.limits, now)
    return BriefEffect.of(
        None,
        promesa=BriefRange.of(promise(now, left)),
        promesa_manana=BriefRange.of(promise(now + _DAY, left)),
        promesas_cumplidas=kept.share,
        promesas_medidas=kept.measured,
        en_cola_antes=place.ahead,
        pasa_delante_de=place.behind,
        lugar_libre=place.free,
    )


async def _similar(session: AsyncSession, case: _Case) -> dict[str, Any]:
    found = await session.execute(
        _SIMILAR,
        {
            **_parameters(case.order),
            "industry": case.order.datos_cliente.get("industria"),
            "integrations": list(case.plan.integraciones),
        },
    )
    rows: Sequence[Any] = found.all()
    sums = rows[0]
    return SimilarOrders.of(
        None,
        ordenes=sums.orders,
        sin_correcciones=sums.clean,
        horas_minimo=sums.least,
        horas_maximo=sums.most,
        parecidas=[SimilarOrder.of(row) for row in rows if row.order_number is not None],
    )


def _parameters(order: Order) -> dict[str, Any]:
    return {"looked_at": _LOOKED_AT, "product_type": order.tipo_producto, "id": order.id}
