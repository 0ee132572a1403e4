"""The line's steps in words."""

from collections.abc import Mapping
from types import MappingProxyType

from axon_factory.domain.lifecycle import StepKind
from axon_factory.domain.text import Sentence

__all__ = ["step_title"]

_TITLES: Mapping[StepKind, Sentence] = MappingProxyType(
    {
        StepKind.CLAIM: Sentence("Toma la orden", "Takes the order"),
        StepKind.PLAN: Sentence("Hace el plan", "Makes the plan"),
        StepKind.ANSWER: Sentence("Responde una pregunta", "Answers a question"),
        StepKind.AUTO_APPROVE: Sentence("Aprueba el plan", "Approves the plan"),
        StepKind.START_SESSION: Sentence("Empieza la sesión", "Begins the session"),
        StepKind.BUILD: Sentence("Construye", "Builds"),
        StepKind.PUBLISH: Sentence("Publica el repositorio", "Publishes the repository"),
        StepKind.FINISH_BUILD: Sentence("Termina la construcción", "Ends construction"),
        StepKind.CHECK: Sentence("Verifica", "Checks"),
        StepKind.VERDICT: Sentence("Decide la revisión", "Decides the review"),
        StepKind.CREDENTIALS: Sentence("Crea las credenciales", "Makes the credentials"),
        StepKind.DEPLOY: Sentence("Despliega", "Deploys"),
        StepKind.DELIVER: Sentence("Entrega", "Hands over"),
        StepKind.ROTATE: Sentence("Rota las credenciales", "Rotates the credentials"),
        StepKind.STOP_SESSION: Sentence("Detiene la sesión", "Stops the session"),
        StepKind.INTERRUPT: Sentence("Interrumpe la sesión", "Interrupts the session"),
        StepKind.UNDEPLOY: Sentence("Retira el producto", "Withdraws the product"),
        StepKind.ERASE: Sentence("Borra los datos", "Erases the data"),
    }
)
_OF_A_THING = frozenset({StepKind.BUILD, StepKind.CHECK})


def step_title(step: str, names: Mapping[str, str]) -> Sentence | str:
    """Return what a step does; `names` has the plan's milestones by id.

    `step` is a key as `DueStep.key` writes it, e.g. "construir:base".
    """
    kind, _, subject = step.partition(":")
    known = next((one for one in StepKind if one == kind), None)
    if known is None:
        return step
    title = _TITLES[known]
    if not subject or known not in _OF_A_THING:
        return title
    name = names.get(subject, subject)
    return Sentence(f"{title} «{name}»", f"{title.en} “{name}”")
