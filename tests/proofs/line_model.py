"""The line's steps over the example ports, as the model has them (resolutions *Flow*)."""

from dataclasses import replace

from tests.proofs.model import CHECKS, MILESTONES, MOST_REWORKS, OrderModel, entered

__all__ = ["advanced"]


def advanced(order: OrderModel, *, council_passes: bool = True) -> OrderModel | None:
    """Return the order after its due step; None when it waits for a person or is at rest."""
    if order.stopping or order.estado in {"fallido", "cancelado"}:
        return _cleaned(order)
    if order.estado == "entregado" and order.erasing:
        return replace(_noted(order), erasing=False)
    in_service = order.estado in {"listo", "entregado"} and order.deployment_open
    if in_service and order.rotating:
        return replace(_noted(order), rotating=False)
    return None if order.waits else _worked(order, council_passes=council_passes)


def _worked(order: OrderModel, *, council_passes: bool) -> OrderModel | None:
    match order.estado:
        case "nuevo":
            return entered(order, "planificacion")
        case "planificacion":
            return _planned(order)
        case "construccion":
            return _built(order)
        case "qa":
            return _reviewed(order, council_passes=council_passes)
        case "listo":
            return _delivered(order)
        case _:
            return None


def _noted(order: OrderModel) -> OrderModel:
    return replace(order, version=order.version + 1, event_seq=order.event_seq + 1)


def _cleaned(order: OrderModel) -> OrderModel | None:
    if order.stopping:
        return replace(_noted(order), stopping=False)
    if order.deployment_open:
        return replace(
            _noted(order), deployment_open=False, deployed=False, answered=False, rotating=False
        )
    return replace(_noted(order), erasing=False) if order.erasing else None


def _planned(order: OrderModel) -> OrderModel | None:
    if order.plan_estado == "pendiente_aprobacion":
        return None
    return replace(
        _noted(order), plan_estado="pendiente_aprobacion", plan_version=order.plan_version + 1
    )


def _built(order: OrderModel) -> OrderModel:
    if not order.session_known:
        return replace(_noted(order), session_known=True, session_open=True)
    missing = [name for name in MILESTONES if name not in order.milestones]
    if missing:
        milestones = order.milestones | {missing[0]}
        floor = 70 if order.retrabajos else 0
        hours = sum(MILESTONES[name] for name in milestones)
        reached = floor + int((95 - floor) * hours / sum(MILESTONES.values()))
        return replace(
            _noted(order),
            milestones=milestones,
            progreso=max(order.progreso, reached),
            ever_built=True,
        )
    if order.published:  # the session has finished: there is nothing to stop
        return entered(replace(order, session_open=False), "qa")
    return replace(_noted(order), published=True)


def _reviewed(order: OrderModel, *, council_passes: bool) -> OrderModel:
    if len(order.checks) < CHECKS:
        return replace(_noted(order), checks=(*order.checks, council_passes))
    if order.reviewed:
        return entered(order, "listo")
    if order.retrabajos < MOST_REWORKS:
        return entered(order, "construccion")
    return replace(_noted(order), waits=True)


def _delivered(order: OrderModel) -> OrderModel:
    if not order.credentials:
        return replace(order, version=order.version + 1, credentials=True)
    if order.deployed and order.answered and order.deployment_open:
        return entered(order, "entregado")
    if not order.milestones:  # there is nothing to deploy
        return replace(entered(order, "fallido"), deployment_open=True)
    return replace(_noted(order), deployed=True, answered=True, deployment_open=True)
