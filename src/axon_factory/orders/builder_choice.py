"""Who builds an order that says so itself."""

from axon_factory.domain.building import BuilderName
from axon_factory.domain.errors import ValidationFailed
from axon_factory.domain.text import Sentence
from axon_factory.orders.policy import Policy
from axon_factory.orders.requests import NewOrder

__all__ = ["chosen_builder"]


def chosen_builder(request: NewOrder, policy: Policy) -> BuilderName | None:
    """Return the builder that the order names, None where its type decides.

    Raises:
        ValidationFailed: that builder is not configured here.
    """
    if request.construye is None or request.construye in policy.agents.offered:
        return request.construye
    offered = ", ".join(sorted(policy.agents.offered))
    raise ValidationFailed(
        {
            "construye": Sentence(
                f"Esta fábrica no tiene ese constructor. Opciones: {offered}",
                f"This factory does not have that builder. One of: {offered}",
            )
        }
    )
