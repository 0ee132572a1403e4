"""What the factory can prove of an order's product, and what a claim about it needs.

A change of state that claims something of the product (`states.Claim`) needs receipts in the
database. The word of an agent or of a person is no receipt. The commit of an attempt is the one
of its newest milestone: the receipts of a review and of a deployment count for that commit alone.
"""

from collections.abc import Collection
from dataclasses import dataclass

from axon_factory.domain.states import Claim
from axon_factory.domain.text import Sentence


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The outcome of one check of the current attempt, and the commit that it looked at."""

    check: str
    passed: bool
    commit: str | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """The receipts of an order's current attempt.

    `planned` are the ids of its plan's milestones, `required` the checks of its product type,
    both in order. `deployed` are the commits whose deployment runs and has answered.
    """

    planned: tuple[str, ...] = ()
    completed: Collection[str] = ()
    required: tuple[str, ...] = ()
    commit: str | None = None
    results: tuple[CheckResult, ...] = ()
    deployed: Collection[str] = ()

    @property
    def missing_milestones(self) -> tuple[str, ...]:
        """Return the milestones without a commit in this attempt."""
        return tuple(item for item in self.planned if item not in self.completed)

    @property
    def checked(self) -> frozenset[str]:
        """Return the checks with a receipt for this attempt's commit, passed or not."""
        return frozenset(item.check for item in self.results if item.commit == self.commit)

    @property
    def missing_checks(self) -> tuple[str, ...]:
        """Return the required checks without a passing receipt for this attempt's commit."""
        passed = {
            item.check
            for item in self.results
            if item.passed and self.commit is not None and item.commit == self.commit
        }
        return tuple(check for check in self.required if check not in passed)

    def proves(self, claim: Claim) -> bool:
        """Return whether the receipts prove `claim`."""
        complete = bool(self.planned) and not self.missing_milestones
        match claim:
            case Claim.CODE_COMPLETE:
                return complete
            case Claim.REVIEWED:
                return complete and bool(self.required) and not self.missing_checks
            case Claim.DEPLOYED:
                return self.commit is not None and self.commit in self.deployed

    def missing(self, claim: Claim) -> dict[str, list[str]]:
        """Return the members of a refusal that list what `claim` still needs."""
        lists: dict[str, list[str]] = {}
        if claim is not Claim.DEPLOYED:
            lists["hitos_pendientes"] = list(self.missing_milestones)
        if claim is Claim.REVIEWED:
            lists["verificaciones_pendientes"] = list(self.missing_checks)
        return lists

    def obstacle(self, claim: Claim) -> Sentence | None:
        """Return the sentence that says why `claim` is not proven, None if it is."""
        if self.proves(claim):
            return None
        if claim is Claim.DEPLOYED:
            return Sentence(
                "Todavía no hay un despliegue que entregar: falta el recibo de que el producto de "
                "este intento respondió a sus comprobaciones",
                "There is no deployment to hand over yet: the receipt is missing that the product "
                "of this attempt has answered its checks",
            )
        parts = [
            (self.missing_milestones, "hitos sin commit", "milestones without a commit"),
            (
                self.missing_checks if claim is Claim.REVIEWED else (),
                "verificaciones sin recibo aprobado de este intento y este commit",
                "checks without a passing receipt for this attempt and this commit",
            ),
        ]
        spanish = "; ".join(f"{words}: {', '.join(ids)}" for ids, words, _ in parts if ids)
        english = "; ".join(f"{words}: {', '.join(ids)}" for ids, _, words in parts if ids)
        # An order without a plan has nothing that could be missing by name.
        return Sentence(
            f"Falta evidencia: {spanish or 'la orden no tiene un plan con hitos'}",
            f"Evidence is missing: {english or 'the order has no plan with milestones'}",
        )


NO_EVIDENCE = Evidence()
"""The evidence of an order that was not looked at: it proves nothing."""
