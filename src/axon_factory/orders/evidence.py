"""Read and write the receipts of an order: milestones, checks, deployments (`domain.evidence`)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from psycopg.types.json import Jsonb
from pydantic import ValidationError
from sqlalchemy import JSON, Table, TextClause, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from axon_factory.db.pipeline import ask, send
from axon_factory.db.tables import Order, OrderCheck, OrderDeployment, OrderMilestone
from axon_factory.domain.catalogue import REQUIRED_CHECKS, ProductType
from axon_factory.domain.errors import Forbidden
from axon_factory.domain.evidence import CheckResult, Evidence
from axon_factory.domain.names import names_of_plan
from axon_factory.domain.plan import Plan
from axon_factory.domain.states import AGENT_KINDS, Actor

__all__ = [
    "EVIDENCE",
    "Receipts",
    "commit_of",
    "evidence_of",
    "forget_evidence",
    "keep_check",
    "keep_deployment",
    "keep_milestone",
    "know_evidence",
    "names_given_by",
    "read_evidence",
    "read_receipts",
    "receipts_of",
    "refuse_own_judge",
    "required_checks",
    "withdraw_deployments",
]


@dataclass(frozen=True, slots=True)
class Receipts:
    """The rows behind an order's evidence, all of its current attempt, the oldest first."""

    evidence: Evidence
    milestones: Sequence[OrderMilestone]
    checks: Sequence[OrderCheck]
    deployments: Sequence[OrderDeployment]


def required_checks(order: Order) -> tuple[str, ...]:
    """Return the checks that the order's product type requires, as of when it was placed."""
    return tuple(order.catalogo.get("verificaciones", REQUIRED_CHECKS))


EVIDENCE = """json_build_array(
    (SELECT json_agg(json_build_array(milestone_id, commit_id,
                                      (extract(epoch FROM completed_at) * 1000000)::bigint)
                     ORDER BY completed_at, milestone_id)
     FROM order_milestones WHERE order_id = :order_id AND intento = :intento),
    (SELECT json_agg(json_build_array(check_name, passed, commit_id)
                     ORDER BY created_at, check_name)
     FROM order_checks WHERE order_id = :order_id AND intento = :intento),
    (SELECT json_agg(commit_id) FROM order_deployments
     WHERE order_id = :order_id AND intento = :intento AND withdrawn_at IS NULL)
)"""
"""SQL of all that `evidence_of` needs, as one value."""
_EVIDENCE = text(f"SELECT {EVIDENCE}")


async def read_evidence(session: AsyncSession, order: Order) -> Evidence:
    """Return what the receipts of the order's current attempt prove."""
    if order.plan is None:
        return evidence_of(order, None)
    known = session.info.get(_KNOWN)
    if known is not None and known[:2] == (order.id, order.intento):
        return known[2]
    parameters = {"order_id": order.id, "intento": order.intento}
    if session.autoflush:
        await session.flush()
    found = await ask(session, _EVIDENCE, parameters)
    return evidence_of(order, found[0])


def know_evidence(session: AsyncSession, order: Order, evidence: Evidence) -> None:
    """Keep what was read just now, until a receipt is written in the session's transaction."""
    session.info[_KNOWN] = order.id, order.intento, evidence


def forget_evidence(session: AsyncSession) -> None:
    """End `know_evidence`. Call it before a receipt of the session's order is written."""
    session.info.pop(_KNOWN, None)


_KNOWN = "evidence"


def evidence_of(order: Order, found: Sequence[Any] | None) -> Evidence:
    """Return what the receipts prove that `EVIDENCE` has found, none of an order without a plan."""
    if order.plan is None or found is None:
        return Evidence(required=required_checks(order))
    milestones, checks, deployed = (part or () for part in found)
    return _evidence(
        order,
        [_Milestone(*one) for one in milestones],
        [CheckResult(*one) for one in checks],
        deployed,
    )


def _evidence(
    order: Order,
    milestones: Sequence["_Milestone"],
    results: Sequence[CheckResult],
    deployed: Iterable[str],
) -> Evidence:
    planned = _planned(order)
    return Evidence(
        planned=planned,
        completed=frozenset(one.milestone_id for one in milestones),
        required=required_checks(order),
        commit=_newest_commit(milestones, planned),
        results=tuple(results),
        deployed=frozenset(deployed),
    )


async def read_receipts(session: AsyncSession, order: Order) -> Receipts:
    """Return the receipts of the order's current attempt."""
    if order.plan is None:
        return Receipts(Evidence(required=required_checks(order)), (), (), ())
    milestones = list(
        await session.scalars(
            select(OrderMilestone)
            .where(
                col(OrderMilestone.order_id) == order.id,
                col(OrderMilestone.intento) == order.intento,
            )
            .order_by(col(OrderMilestone.completed_at), col(OrderMilestone.milestone_id))
        )
    )
    checks = list(
        await session.scalars(
            select(OrderCheck)
            .where(col(OrderCheck.order_id) == order.id, col(OrderCheck.intento) == order.intento)
            .order_by(col(OrderCheck.created_at), col(OrderCheck.check_name))
        )
    )
    deployments = list(
        await session.scalars(
            select(OrderDeployment)
            .where(
                col(OrderDeployment.order_id) == order.id,
                col(OrderDeployment.intento) == order.intento,
            )
            .order_by(col(OrderDeployment.created_at))
        )
    )
    return receipts_of(order, milestones, checks, deployments)


def receipts_of(
    order: Order,
    milestones: Sequence[OrderMilestone],
    checks: Sequence[OrderCheck],
    deployments: Sequence[OrderDeployment],
) -> Receipts:
    """Return the receipts of the order's current attempt, which were read, the oldest first."""
    evidence = _evidence(
        order,
        [_Milestone(one.milestone_id, one.commit_id, one.completed_at) for one in milestones],
        [CheckResult(one.check_name, one.passed, one.commit_id) for one in checks],
        (one.commit_id for one in deployments if one.withdrawn_at is None),
    )
    return Receipts(evidence, milestones, checks, deployments)


async def commit_of(session: AsyncSession, order: Order) -> str | None:
    """Return the commit of the order's current attempt, None before its first milestone."""
    return (await read_evidence(session, order)).commit


async def keep_check(session: AsyncSession, receipt: OrderCheck) -> None:
    """Keep the receipt of a check in place of one that looked at another commit.

    The order's row is locked by the caller.
    """
    await _keep(session, receipt)


async def keep_deployment(session: AsyncSession, receipt: OrderDeployment) -> None:
    """Keep the receipt that a commit of the locked order runs and has answered."""
    await _keep(session, receipt)


async def _keep(session: AsyncSession, receipt: OrderCheck | OrderDeployment) -> None:
    """Insert the row, or write all of it in place of the one with its key."""
    forget_evidence(session)
    table = type(receipt).metadata.tables[str(type(receipt).__tablename__)]
    if session.sync_session.identity_key(instance=receipt) in session.identity_map:
        await session.merge(receipt)
        await session.flush()
        return
    values = {
        column.name: Jsonb(value) if isinstance(column.type, JSON) else value
        for column in table.columns
        for value in (getattr(receipt, column.name),)
    }
    await send(session, _put(table), values)


@cache
def _put(table: Table) -> TextClause:
    names = table.columns.keys()
    keys = table.primary_key.columns.keys()
    others = (f"{name} = excluded.{name}" for name in names if name not in keys)
    return text(
        f"INSERT INTO {table.name} ({', '.join(names)}) "  # noqa: S608 — names of our own tables
        f"VALUES ({', '.join(f':{name}' for name in names)}) "
        f"ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {', '.join(others)}"
    )


def keep_milestone(session: AsyncSession, receipt: OrderMilestone) -> None:
    """Keep the receipt of a milestone of the locked order that has none."""
    forget_evidence(session)
    session.add(receipt)


async def withdraw_deployments(session: AsyncSession, order: Order, now: datetime) -> None:
    """Note that nothing of the locked order runs any more: its deployments prove nothing now."""
    forget_evidence(session)
    await session.execute(
        text(
            "UPDATE order_deployments SET withdrawn_at = :now "
            "WHERE order_id = :order_id AND withdrawn_at IS NULL"
        ),
        {"order_id": order.id, "now": now},
    )


async def refuse_own_judge(session: AsyncSession, order: Order, actor: Actor) -> None:
    """Refuse an agent that judges an attempt of its own, by any of its tokens.

    An agent has built an attempt if it holds a token of it, or if it has written to the order
    between the attempt's beginning and its review. The same name under another token is the same
    agent.

    Raises:
        Forbidden: the actor has built the order's current attempt.
    """
    if actor.kind not in AGENT_KINDS:
        return
    built = await session.scalar(
        _BUILT_BY,
        {
            "order_id": order.id,
            "intento": order.intento,
            "actor": actor.id,
            "name": actor.name,
        },
    )
    if built:
        raise Forbidden(
            "Quien construyó este intento no puede revisarlo: lo hace otro agente",
            message_en="The agent that built this attempt cannot review it: another agent does",
        )


_BUILT_BY = text(
    """
    WITH review AS (
        SELECT max(entered_at) AS began FROM order_stages
        WHERE order_id = :order_id AND intento = :intento AND estado = 'qa'
    ), attempt AS (
        SELECT min(entered_at) AS began FROM order_stages
        WHERE order_id = :order_id AND intento = :intento
    ), reporters AS (
        -- The trail has every write that was done, also one that left no entry in the log.
        SELECT DISTINCT entry.actor FROM audit_entries AS entry, review, attempt
        WHERE entry.chain = CAST(:order_id AS text) AND entry.outcome = 'ok'
          AND entry.actor LIKE 'token:%'
          AND entry.at >= attempt.began
          AND entry.at <= coalesce(review.began, 'infinity')
        UNION
        SELECT actor FROM order_stages
        WHERE order_id = :order_id AND intento = :intento AND estado = 'qa'
          AND actor LIKE 'token:%'
    )
    SELECT EXISTS (
        SELECT 1 FROM reporters WHERE actor = :actor
        UNION ALL
        SELECT 1 FROM system_tokens AS token
        WHERE lower(token.agent) = lower(:name)
          AND ((token.order_id = :order_id AND token.intento = :intento)
               OR 'token:' || token.id IN (SELECT actor FROM reporters))
    )
    """
)


def names_given_by(order: Order) -> frozenset[str]:
    """Return the names that the order's plan gives to its agents; before it, its type's plan."""
    plan = _plan(order)
    if plan is not None:
        return names_of_plan(plan.subagentes_asignados, plan.milestones)
    product_type = ProductType.from_snapshot(order.catalogo)
    return names_of_plan(product_type.subagentes, product_type.milestones)


def _plan(order: Order) -> Plan | None:
    """Return the order's plan; None for a damaged one: the order must still be readable."""
    try:
        return None if order.plan is None else Plan.model_validate(order.plan)
    except ValidationError:
        return None


def _planned(order: Order) -> tuple[str, ...]:
    plan = _plan(order)
    return () if plan is None else tuple(milestone.id for milestone in plan.milestones)


@dataclass(frozen=True, slots=True)
class _Milestone:
    """What counts of a completed milestone."""

    milestone_id: str
    commit_id: str
    completed_at: Any
    """When: any value that grows with time, of one kind for all milestones of an order."""


def _newest_commit(milestones: Sequence[_Milestone], planned: tuple[str, ...]) -> str | None:
    """Return the newest commit. Among milestones recorded at once the plan's last one counts."""
    place = {name: number for number, name in enumerate(planned)}
    newest = max(
        milestones,
        key=lambda one: (one.completed_at, place.get(one.milestone_id, -1)),
        default=None,
    )
    return None if newest is None else newest.commit_id
