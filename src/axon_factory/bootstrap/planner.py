"""Which planner the settings choose."""

from axon_factory.adapters.planner.catalogue import CataloguePlanner
from axon_factory.ports.planner import Planner
from axon_factory.settings import Settings

__all__ = ["planner_of"]


def planner_of(settings: Settings) -> Planner:
    """Return the planner of the line."""
    del settings
    return CataloguePlanner()
