"""Header parameters that several routes share."""

import re
from typing import Annotated

from fastapi import Depends, Header

from axon_factory.domain.errors import ValidationFailed
from axon_factory.domain.sentences import Sentence

__all__ = ["IfMatch"]


def _if_match(if_match: Annotated[str | None, Header()] = None) -> int | None:
    if if_match is None or if_match.strip() == "*":
        return None
    match = re.fullmatch(r'\s*"(\d{1,9})"\s*', if_match)
    if match is None:
        raise ValidationFailed(
            {
                "If-Match": Sentence(
                    'Debe ser el ETag de la orden, por ejemplo "7"',
                    'Must be the ETag of the order, for example "7"',
                )
            }
        )
    return int(match[1])


IfMatch = Annotated[int | None, Depends(_if_match)]
