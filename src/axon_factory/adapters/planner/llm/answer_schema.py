"""The schema of a model's plan, and which texts of a model may stand in it.

The plan is design §2's, every part one of the catalogue's. The schema is made anew for each product
type: templates, integrations, agents and stack are lists to choose from, hours and resources have
an upper bound, texts are short, and nothing may be added. A text is visible Spanish prose, with
nothing to run or open.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema, create_model

from axon_factory.domain.catalogue import INTEGRATIONS, PRODUCT_TYPES, ProductType
from axon_factory.domain.plan_review import AGENTS

NAME_PATTERN = r"^[\w\u00c0-\u024f][\w\u00c0-\u024f .,:()+&/'-]{0,79}$"
"""Names of milestones: letters, digits and the marks that stand between words."""

_SUSPECT = re.compile(
    r"""://|\bwww\.|\b(?:javascript|data|file):   # addresses
    | \.\./|\.\.\\|(?:^|\s)~?/\w+/               # paths
    | [`|\\]|&&|\$[({\w]*[({]|;\s*(?:rm|curl|sh)\b  # commands
    | [{}]|\]\(|<[\w/!?|%]                        # templates and markup
    """,
    re.IGNORECASE | re.VERBOSE,
)
_WORD = re.compile(r"[^\W\d_]+")
_FOREIGN = frozenset(
    _WORD.findall(
        "the and with of for from to this that is are will be on by "
        "und der die das mit für von ist les des avec pour est dans "
        "os dos das com uma não gli degli della che per"
    )
)
_SPANISH = frozenset(
    _WORD.findall("de la el los las y con del en un una para por que se al su sin es lo como más a")
)
MOST_TIMES_USUAL = 4
"""How many times the catalogue's hours and resources a model may ask for. Above a quarter more an
approver is told; above this it is no plan but a mistake."""

_MOST_MILESTONES = 20
_MOST_PARTS = 20
_MOST_NOTES = 10
_VERSION = re.compile(r" \d{1,4}(?:\.\d{1,4}){0,3}")


def checked_prose(text: str) -> str:
    """Return a text that people will read.

    Raises:
        ValueError: it holds invisible characters, words for a program, or another script.
    """
    if not visible(text):
        raise ValueError("tiene caracteres invisibles o de control")
    if _SUSPECT.search(text):
        raise ValueError("tiene direcciones, rutas, órdenes o marcas: debe ser texto corriente")
    if not all(_is_latin(character) for character in text):
        raise ValueError("debe estar en español")
    return text


def checked_name(text: str) -> str:
    """Return a short name.

    Raises:
        ValueError: as `checked_prose`, or it has marks that no name needs.
    """
    if not re.fullmatch(NAME_PATTERN, checked_prose(text)):
        raise ValueError("debe ser un nombre corto, de letras, cifras y puntuación corriente")
    return text


def visible(text: str, *, but: str = "") -> bool:
    """Say whether every character can be seen; those of `but` may be there all the same."""
    return all(
        character in but or unicodedata.category(character)[0] not in "CZ" or character == " "
        for character in text
    )


def in_spanish(texts: Iterable[str]) -> bool:
    """Say whether texts are Spanish, or too short to tell, by the little words between the others.

    Names of parts ("Backend API") have none, so they never count as a foreign language.
    """
    words = _WORD.findall(" ".join(texts).casefold())
    foreign = sum(word in _FOREIGN for word in words)
    return foreign <= sum(word in _SPANISH for word in words)


def _is_latin(character: str) -> bool:
    return not character.isalpha() or unicodedata.name(character, "").startswith(
        ("LATIN", "FEMININE ORDINAL", "MASCULINE ORDINAL")
    )


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


@lru_cache(maxsize=16)
def plan_schema(product_id: str) -> type[BaseModel]:
    """Return the schema of a plan for a product type of the catalogue.

    Raises:
        KeyError: the catalogue has no such product.
    """
    product = PRODUCT_TYPES[product_id]
    hours = Annotated[float, Field(gt=0, le=product.estimacion_horas * MOST_TIMES_USUAL)]
    parts: dict[str, Any] = {
        "stack_tecnologico": _names(_stack_part(), 1, _MOST_PARTS),
        "integraciones": _names(_one_of(_integrations(product)), 0, _MOST_PARTS),
        "templates": _names(_one_of(product.templates), 1, len(product.templates)),
        "recursos_requeridos": _resources(product),
        "estimacion_horas": hours,
        "subagentes_asignados": _names(_one_of(AGENTS), 1, len(AGENTS)),
        "milestones": _list_of(_milestone(hours), 1, _MOST_MILESTONES),
        "observaciones": _list_of(_prose(400), 0, _MOST_NOTES),
    }
    return create_model("PlanDeConstruccion", __base__=_Strict, **parts)


def answer_schema(product_id: str) -> dict[str, Any]:
    """Return the JSON Schema of `plan_schema`, as a model is given it."""
    return plan_schema(product_id).model_json_schema()


def known_stack() -> tuple[str, ...]:
    """Return every technology that some product of the catalogue is built on."""
    return tuple(
        dict.fromkeys(part for product in PRODUCT_TYPES.values() for part in product.stack_base)
    )


def _integrations(product: ProductType) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*INTEGRATIONS.values(), *product.integraciones_comunes)))


def _milestone(hours: Any) -> type[BaseModel]:  # noqa: ANN401 — an annotated type
    return create_model(
        "Hito",
        __base__=_Strict,
        id=Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")],
        nombre=Annotated[str, Field(min_length=1, max_length=80), AfterValidator(checked_name)],
        estimacion_horas=hours,
        agente=_one_of([f"{name} Agent" for name in AGENTS]),
        entregable=_prose(400),
    )


def _resources(product: ProductType) -> type[BaseModel]:
    usual = product.recursos

    def bounded(amount: int) -> Any:  # noqa: ANN401 — an annotated type
        return Annotated[int, Field(ge=1, le=amount * MOST_TIMES_USUAL)]

    return create_model(
        "Recursos",
        __base__=_Strict,
        cpu_cores=bounded(usual.cpu_cores),
        ram_gb=bounded(usual.ram_gb),
        storage_gb=bounded(usual.storage_gb),
    )


def _one_of(values: Sequence[str]) -> Any:  # noqa: ANN401 — an annotated type
    allowed = tuple(values)
    return Annotated[
        str,
        AfterValidator(_chosen_from(frozenset(allowed))),
        WithJsonSchema({"type": "string", "enum": list(allowed)}),
    ]


def _stack_part() -> Any:  # noqa: ANN401 — an annotated type
    """Return the type of a technology's name, with a version or without."""
    known = known_stack()

    def checked(part: str) -> str:
        for name in known:
            if part == name or (
                part.startswith(name) and _VERSION.fullmatch(part.removeprefix(name))
            ):
                return part
        raise ValueError("no está en el catálogo")

    return Annotated[
        str, AfterValidator(checked), WithJsonSchema({"type": "string", "enum": list(known)})
    ]


def _chosen_from(allowed: frozenset[str]) -> Callable[[str], str]:
    def check(value: str) -> str:
        if value not in allowed:
            raise ValueError("no está en el catálogo")
        return value

    return check


def _prose(longest: int) -> Any:  # noqa: ANN401 — an annotated type
    return Annotated[str, Field(max_length=longest), AfterValidator(checked_prose)]


def _list_of(item: Any, least: int, most: int) -> Any:  # noqa: ANN401 — annotated types
    return Annotated[list[item], Field(min_length=least, max_length=most)]


def _names(item: Any, least: int, most: int) -> Any:  # noqa: ANN401 — annotated types
    return Annotated[_list_of(item, least, most), AfterValidator(_without_repetition)]


def _without_repetition(items: list[str]) -> list[str]:
    if len(set(items)) != len(items):
        raise ValueError("se repite un elemento")
    return items
