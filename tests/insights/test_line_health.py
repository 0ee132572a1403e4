"""The figures of the line, against a database whose state the test made."""

from uuid import uuid4

from sqlalchemy import text

from axon_factory.domain.states import OrderState
from axon_factory.insights.line import read_line_health
from tests.support.workshop import Workshop


async def test_an_empty_line_has_nothing_to_say(wiped_workshop: Workshop) -> None:
    async with wiped_workshop.container.database.reading() as session:
        health = await read_line_health(session, stalled_after=15)
    assert (health.workers_alive, health.workers_silent) == (0, 0)
    assert (health.jobs_waiting, health.jobs_running, health.oldest_job_seconds) == (0, 0, 0)
    assert (health.waiting_for_person, health.messages_unsent) == ((), 0)


async def test_what_waits_is_counted(wiped_workshop: Workshop) -> None:
    workshop = wiped_workshop
    normal = await workshop.placed_in(OrderState.PLANIFICACION)
    urgent = await workshop.placed_in(OrderState.PLANIFICACION, prioridad="urgente")
    await workshop.place()
    numbers = [(await workshop.order(order_id)).order_number for order_id in (urgent, normal)]
    async with workshop.container.database.transaction("test") as session:
        await session.execute(
            text(
                "INSERT INTO procrastinate_workers (last_heartbeat) "
                "VALUES (now()), (now() - interval '1 minute')"
            )
        )
        await session.execute(
            text("UPDATE outbox_messages SET last_error = :error"), {"error": str(uuid4())}
        )
    async with workshop.container.database.reading() as session:
        health = await read_line_health(session, stalled_after=15)
    assert (health.workers_alive, health.workers_silent) == (1, 1)
    assert list(health.waiting_for_person) == numbers  # the urgent one first
    assert health.messages_unsent == 5  # two to the approver, three to clients
    assert health.message_error is not None
    assert health.jobs_waiting >= 1
