"""Spanish descriptions of what the OpenAPI document shows besides answers: inputs and names.

Models of requests and the domain's names live where they are used, with docstrings for programmers.
"""

from collections.abc import Mapping
from types import MappingProxyType

from axon_factory.api.schemas.texts.access import ACCESS
from axon_factory.api.schemas.texts.notifications import NOTIFICATIONS
from axon_factory.api.schemas.texts.orders import ORDERS
from axon_factory.api.schemas.texts.plans import PLANS
from axon_factory.api.schemas.texts.schema_text import SchemaText

__all__ = ["SCHEMAS", "SchemaText"]

SCHEMAS: Mapping[str, SchemaText] = MappingProxyType({**ORDERS, **PLANS, **ACCESS, **NOTIFICATIONS})
