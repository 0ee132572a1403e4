"""Types of settings that are read and checked the same way in several sections."""

from collections.abc import Mapping
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator

from axon_factory.domain import addresses
from axon_factory.domain.catalogue import PRODUCT_TYPES
from axon_factory.domain.messages import ClientMail

ALL_MAILS = "todos"
"""Stands for every kind of mail to clients."""


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"'{value}' is no time zone, for example America/Mexico_City") from None
    return value


def _comma_separated(value: object) -> object:
    """Split a variable into its items; Pydantic would expect JSON."""
    if not isinstance(value, str):
        return value
    return frozenset(item.strip() for item in value.split(",") if item.strip())


def _known_types(names: frozenset[str]) -> frozenset[str]:
    unknown = names - set(PRODUCT_TYPES)
    if unknown:
        raise ValueError(f"unknown product types: {', '.join(sorted(unknown))}")
    return names


def _per_type(value: object) -> object:
    """Split "autopilot_whatsapp=http, webhook_service=command" into its pairs."""
    if not isinstance(value, str):
        return value
    pairs = [item.partition("=") for item in value.split(",") if item.strip()]
    if any(not (sign and name.strip() and chosen.strip()) for name, sign, chosen in pairs):
        raise ValueError("must be pairs such as webhook_service=templates, separated by commas")
    return {name.strip(): chosen.strip() for name, _, chosen in pairs}


def _known_mails(names: frozenset[str]) -> frozenset[ClientMail]:
    """Return the kinds of mail that are named; `todos` names every kind."""
    unknown = names - set(ClientMail) - {ALL_MAILS}
    if unknown:
        known = ", ".join((*ClientMail, ALL_MAILS))
        raise ValueError(f"unknown mails: {', '.join(sorted(unknown))}; known are {known}")
    if ALL_MAILS in names:
        return frozenset(ClientMail)
    return frozenset(ClientMail(name) for name in names)


def _keys_known(value: Mapping[str, object]) -> Mapping[str, object]:
    _known_types(frozenset(value))
    return value


ClientMails = Annotated[frozenset[str], AfterValidator(_known_mails)]
BaseUrl = Annotated[str, AfterValidator(addresses.base_url)]
Host = Annotated[str, AfterValidator(addresses.host_name)]
Network = Annotated[str, AfterValidator(addresses.network)]
Origin = Annotated[str, AfterValidator(addresses.origin)]
TimeZone = Annotated[str, AfterValidator(_zone)]
TypeNames = Annotated[frozenset[str], AfterValidator(_known_types)]
COMMA_SEPARATED = BeforeValidator(_comma_separated)
PER_TYPE = (BeforeValidator(_per_type), AfterValidator(_keys_known))
"""Validators of a mapping from product types to something, written as pairs."""
