"""The line, driven to its end over ledger ports: the road without trouble, and its branches."""

from datetime import UTC, datetime, timedelta

import pytest
from ledger import Fault
from ledger_ports import CHECKS
from rig import ADMIN, POLICY, Rig, accept, patch

from axon_factory.domain.building import AGEING_INTERVAL, Priority
from axon_factory.domain.errors import TransitionRefused
from axon_factory.domain.lifecycle import DueStep
from axon_factory.domain.permissions import Grant, Principal, Role
from axon_factory.domain.states import OrderState
from axon_factory.orders.change import Change
from axon_factory.orders.plans.decisions import reject_plan
from axon_factory.orders.policy import ApprovalRules
from axon_factory.worker.maintenance import age_waiting_orders

_MILESTONES = ("scaffolding", "backend_api", "integraciones", "qa")  # 2, 8, 3 and 3 hours


async def test_an_order_goes_from_nuevo_to_entregado(rig: Rig) -> None:
    order_id = await rig.place()

    steps = await rig.deliver(order_id)

    assert [step.key for step in steps] == [
        "reclamar",
        "planificar",
        "iniciar_sesion",
        *(f"construir:{milestone}" for milestone in _MILESTONES),
        "publicar",
        "terminar_construccion",
        *(f"verificar:{check}" for check in CHECKS),
        "dictaminar",
        "generar_credenciales",
        "desplegar",
        "entregar",
    ]
    order = await rig.order(order_id)
    assert (order.estado, order.progreso, order.intento) == ("entregado", 100, 1)
    assert order.resultado is not None
    assert order.resultado["admin_url"] == f"{order.deploy_url}/admin"
    assert [event.kind for event in await rig.events(order_id)] == [
        "orden.creada",
        "orden.estado_cambiado",
        "plan.generado",
        "plan.aprobado",
        "construccion.sesion_iniciada",
        *["construccion.hito_completado"] * 4,
        "construccion.repositorio_publicado",
        "orden.estado_cambiado",
        *["qa.verificacion"] * 3,
        "orden.estado_cambiado",
        "entrega.desplegado",
        "entrega.entregado",
    ]


async def test_times_and_stages_tell_the_way(rig: Rig) -> None:
    order_id = await rig.reach("entregado")

    order = await rig.order(order_id)
    times = [
        order.created_at,
        order.planificado_at,
        order.aprobado_at,
        order.construccion_iniciada_at,
        order.qa_iniciada_at,
        order.listo_at,
        order.entregado_at,
    ]
    known = [time for time in times if time is not None]
    assert known == sorted(known)
    assert len(known) == len(times)
    stages = await rig.rows(
        "SELECT estado, left_at IS NULL FROM order_stages WHERE order_id = :id ORDER BY ordinal",
        id=order_id,
    )
    way = ["nuevo", "planificacion", "construccion", "qa", "listo", "entregado"]
    assert [stage[0] for stage in stages] == way
    assert [stage[1] for stage in stages] == [False] * 5 + [True]


async def test_progress_is_weighted_by_hours_95_until_qa_passes_100_at_listo(rig: Rig) -> None:
    order_id = await rig.reach("construccion")
    line, seen = rig.line(), dict[str, int]()
    while (step := await line.advance(order_id)) is not None:
        seen[step.key] = (await rig.order(order_id)).progreso

    shares = [2 / 16, 10 / 16, 13 / 16, 1]
    assert [seen[f"construir:{item}"] for item in _MILESTONES] == [int(95 * s) for s in shares]
    assert seen["terminar_construccion"] == 95
    assert {seen[f"verificar:{check}"] for check in CHECKS} == {95}
    assert seen["dictaminar"] == seen["desplegar"] == seen["entregar"] == 100


async def test_every_effect_happens_once_under_a_key_of_order_step_and_attempt(rig: Rig) -> None:
    order_id = await rig.reach("construccion")
    async with rig.working():
        await rig.until(order_id, lambda order: order.estado == "entregado")
        await rig.until_quiet()

    keys = [entry.key for entry in rig.ledger.effects()]
    assert len(keys) == len(set(keys)) == 1 + 1 + 4 + 1 + 3 + 1 + 2
    assert all(key.startswith(f"{order_id}:") for key in keys)
    assert {entry.subject for entry in rig.ledger.effects("mailer.send")} == {
        "aprobacion@axon.localhost",
        "xyz@example.com",
    }


async def test_a_waiting_order_has_no_job_and_the_approver_has_mail(rig: Rig) -> None:
    order_id = await rig.reach("planificacion")
    async with rig.working():
        await rig.until_quiet()

        order = await rig.order(order_id)
        assert order.estado == "planificacion"
        assert [mail.subject for mail in rig.ledger.effects("mailer.send")] == [
            rig.policy.approver_email
        ]


async def test_a_policy_approves_low_risk_types_by_itself(rig: Rig) -> None:
    trusting = rig.with_policy(approval=ApprovalRules(auto_types=frozenset({"webhook_service"})))
    low_risk = await trusting.place(product="webhook_service")
    other = await trusting.place(product="autopilot_whatsapp")

    line, steps = trusting.line(), list[DueStep | None]()
    while (await rig.order(low_risk)).estado != "construccion":
        steps.append(await line.advance(low_risk))
    await trusting.drive(other)

    assert steps[-1] is not None
    assert steps[-1].key == "aprobar"
    assert (await rig.order(other)).plan_estado == "pendiente_aprobacion"
    decided = await rig.rows("SELECT decided_by, motivo FROM order_plans WHERE estado = 'aprobado'")
    assert [tuple(row) for row in decided] == [("worker", "auto_aprobar")]


async def test_a_rejected_plan_is_made_again_with_the_reason(rig: Rig) -> None:
    order_id = await rig.reach("planificacion")

    await rig.change(
        order_id,
        lambda session, order, now: reject_plan(
            Change(session, order, ADMIN.actor, POLICY, now), reason="Falta HubSpot"
        ),
    )
    await rig.drive(order_id)

    order = await rig.order(order_id)
    assert (order.plan_version, order.plan_estado) == (2, "pendiente_aprobacion")
    assert order.plan is not None
    assert "HubSpot" not in str(order.plan)  # clients read plans
    plans = await rig.rows("SELECT version, estado, motivo FROM order_plans ORDER BY version")
    assert [tuple(row) for row in plans] == [
        (1, "rechazado", "Falta HubSpot"),
        (2, "pendiente_aprobacion", None),
    ]


async def test_urgent_orders_come_first_and_equals_in_order_of_arrival(rig: Rig) -> None:
    ranks = [Priority.BAJA, Priority.NORMAL, Priority.URGENTE, Priority.NORMAL, Priority.ALTA]
    placed = [(await rig.place(priority=priority), priority) for priority in ranks]
    async with rig.working():
        for order_id, _ in placed:
            await rig.until(order_id, lambda order: order.plan_estado == "pendiente_aprobacion")
        await rig.until_quiet()

    planned = [entry.subject for entry in rig.ledger.effects("planner.make_plan")]
    expected = sorted(placed, key=lambda item: -item[1].rank)  # sorted() is stable: FIFO
    assert planned == [str(order_id) for order_id, _ in expected]


async def test_waiting_raises_priority_so_that_baja_never_starves(rig: Rig) -> None:
    long_ago = datetime.now(UTC) - 2 * AGEING_INTERVAL - timedelta(minutes=1)
    old = await rig.place(priority=Priority.BAJA, created=long_ago)
    new = await rig.place(priority=Priority.NORMAL)

    await age_waiting_orders(rig.database)

    priorities = {job.lock: job.priority for job in await rig.jobs()}
    assert priorities == {f"order:{old}": 20, f"order:{new}": 10}


class TestReview:
    """What the council's verdicts do."""

    async def test_findings_reach_the_builder_of_the_next_attempt(self, rig: Rig) -> None:
        rig.ledger.script(Fault("council.run_check", "reject", match="security"))
        order_id = await rig.reach("qa")

        await rig.drive(order_id, until="construccion")
        await rig.drive(order_id, until="qa")

        order = await rig.order(order_id)
        assert (order.estado, order.intento, order.retrabajos) == ("qa", 2, 1)
        first, second = rig.ledger.effects("builder.start")
        assert first.details["findings"] == []
        assert second.details["findings"] == ["security encontró un fallo"]

    async def test_a_rejected_product_goes_back_to_70_percent(self, rig: Rig) -> None:
        rig.ledger.script(Fault("council.run_check", "reject"))
        order_id = await rig.reach("qa")
        line, seen = rig.line(), list[tuple[str, int]]()
        while (step := await line.advance(order_id)) is not None:
            seen.append((step.key, (await rig.order(order_id)).progreso))

        assert ("dictaminar", 70) in seen
        after = seen[seen.index(("dictaminar", 70)) :]
        values = [value for _, value in after]
        assert values == sorted(values)
        assert (await rig.order(order_id)).progreso == 100

    async def test_findings_outlive_a_failed_rework(self, rig: Rig) -> None:
        rig.ledger.script(
            Fault("council.run_check", "reject", match="security"),
            Fault("builder.proceed", "permanent", match=":2:"),
        )
        order_id = await rig.reach("qa")
        await rig.drive(order_id)
        assert (await rig.order(order_id)).estado == "fallido"

        await rig.change(order_id, patch(estado="construccion"))
        await rig.drive(order_id, until="qa")

        assert (await rig.order(order_id)).estado == "qa"
        last = rig.ledger.effects("builder.start")[-1]
        assert last.details["findings"] == ["security encontró un fallo"]

    async def test_after_too_many_reworks_a_person_decides(self, rig: Rig) -> None:
        assert rig.policy.max_reworks == 3
        rig = rig.with_policy(max_reworks=1)
        rig.ledger.script(Fault("council.run_check", "reject", times=None))
        order_id = await rig.reach("qa")
        async with rig.working():
            order = await rig.until(order_id, lambda order: order.espera == "persona")
            await rig.until_quiet()

        assert (order.estado, order.intento, order.retrabajos) == ("qa", 2, 1)
        mails = [entry.details["title"] for entry in rig.ledger.effects("mailer.send")]
        assert mails[-1] == f"{order.order_number}: la revisión pide una decisión"

    @pytest.mark.parametrize(
        ("target", "rests_in"),
        [
            ("construccion", "qa"),
            ("listo", "entregado"),
            ("fallido", "fallido"),
            ("cancelado", "cancelado"),
        ],
    )
    async def test_each_decision_of_an_administrator_is_followed(
        self, rig: Rig, target: str, rests_in: str
    ) -> None:
        strict = rig.with_policy(max_reworks=0)
        rig.ledger.script(Fault("council.run_check", "reject"))
        order_id = await strict.reach("qa")
        await strict.drive(order_id)
        assert (await rig.order(order_id)).espera == "persona"

        decided = accept if target == "listo" else patch(estado=target, motivo="Decidido")
        await rig.change(order_id, decided)
        await strict.drive(order_id, until=rests_in)

        order = await rig.order(order_id)
        assert (order.estado, order.espera) == (rests_in, None)

    async def test_what_an_administrator_says_reaches_the_builder(self, rig: Rig) -> None:
        strict = rig.with_policy(max_reworks=0)
        rig.ledger.script(Fault("council.run_check", "reject", match="security"))
        order_id = await strict.reach("qa")
        await strict.drive(order_id)

        await rig.change(order_id, patch(estado="construccion", motivo="Falta el logotipo"))
        await strict.drive(order_id, until="qa")

        last = rig.ledger.effects("builder.start")[-1]
        assert last.details["findings"] == ["security encontró un fallo", "Falta el logotipo"]

    @pytest.mark.parametrize("target", [OrderState.LISTO, OrderState.CONSTRUCCION])
    async def test_no_agent_decides_for_the_person(self, rig: Rig, target: OrderState) -> None:
        strict = rig.with_policy(max_reworks=0)
        rig.ledger.script(Fault("council.run_check", "reject"))
        order_id = await strict.reach("qa")
        await strict.drive(order_id)
        agent = Principal("token:t", "Revisor", Role.SYSTEM, Grant.SYSTEM_COUNCIL)

        with pytest.raises(TransitionRefused, match="decisión de una persona"):
            await rig.change(order_id, patch(by=agent, estado=target))

        assert (await rig.order(order_id)).espera == "persona"
