"""Requests that are certainly valid, told by a fraction of what their model costs.

A short cut is made from the model itself: its schema, in which a known check written in Python is
replaced by a narrower one of Pydantic's core. It accepts, or it does not know. Then the model
decides, and it alone words a refusal. A check that is not known here stays as it is.

Documents come from `api.json_text.certain_json`: their texts have no NUL and no lone surrogate,
their numbers are finite, and they are not too deep.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from types import MappingProxyType
from typing import Any, Generic, TypeVar, cast

from pydantic import BaseModel, ValidationError
from pydantic_core import CoreSchema, SchemaValidator, core_schema

from axon_factory.domain.catalogue import PRODUCT_TYPES
from axon_factory.orders.requests.configuration import configuration_errors
from axon_factory.orders.requests.formats import FORMATS, Format
from axon_factory.orders.requests.models import NewOrder

__all__ = ["MAIL", "NAME", "PHONE", "ShortCut", "certain_order"]

Model = TypeVar("Model", bound=BaseModel)
_Schema = dict[str, Any]

NAME = r"^(?:[!-~¡-¬®-ɏ][\p{L}\p{M}\p{N}\p{P}\p{S} ]*)?$"
"""Texts that `domain.names` accepts: their first character is a printable one of Latin script."""
_LABEL = "[a-z0-9](?:-?[a-z0-9])*"
_LOCAL = "[A-Za-z0-9_+-]+"
MAIL = rf"^{_LOCAL}(?:\.{_LOCAL})*@(?:{_LABEL}\.)+[a-z]{{2,3}}$"
"""Addresses that are normalised as they are; the names that no mail reaches have longer ends."""
_LONGEST_MAIL = 64
PHONE = r"^\+(?:1[2-9][0-9]{9}|521?[2-9][0-9]{9}|34[6-9][0-9]{8})$"
"""Numbers of North America, Mexico and Spain that no national prefix is taken from."""
READABLE = "[!-~¡-¬®-ɏ]"


class ShortCut(Generic[Model]):
    """Tells which documents a model certainly accepts."""

    def __init__(self, model: type[Model]) -> None:
        """`model` is compiled once, here."""
        schema = _narrowed(cast("_Schema", model.__pydantic_core_schema__))
        # Else the core would use the validators that the models have already.
        self._validator = SchemaValidator(cast("CoreSchema", schema), None, _use_prebuilt=False)

    def certain(self, document: object) -> Model | None:
        """Return the document as the model would, None if it is not known to be valid."""
        try:
            return self._validator.validate_python(document)
        except ValidationError:
            return None


def certain_order(document: object) -> NewOrder | None:
    """Return a new order that is certainly valid, its configuration too; else None."""
    order = _ORDER.certain(document)
    if order is None:
        return None
    try:
        configuration = order.datos_cliente.configuracion
        _CONFIGURATIONS[order.tipo_producto].validate_python(configuration)
    except ValidationError:
        return None
    return order


def _with(**more: object) -> Callable[[_Schema], _Schema | None]:
    """Return what narrows a text; another kind of value keeps its check."""
    return lambda inner: {**inner, **more} if inner["type"] == "str" else None


def _one_of_products(inner: _Schema) -> _Schema | None:
    if inner["type"] != "str":
        return None
    return cast("_Schema", core_schema.literal_schema([*PRODUCT_TYPES]))


def _nothing(inner: _Schema) -> _Schema:
    """Documents have been checked for it, or `certain_order` does."""
    return inner


_NARROWER: Mapping[str, Callable[[_Schema], _Schema | None]] = MappingProxyType(
    {
        "_whole": _nothing,
        "storable": _nothing,
        "ClientData._check_further_members": _nothing,
        "NewOrder._check_configuration": _nothing,
        "_shown": _with(pattern=NAME),
        "_known_product": _one_of_products,
        "_mail_address": _with(pattern=MAIL, max_length=_LONGEST_MAIL),
        "_phone_number": _with(pattern=PHONE),
    }
)
"""By the name of a check of `values` or `models`: what makes a narrower schema of its inner one."""


def _narrowed(schema: _Schema) -> _Schema:
    """Return `schema` with narrower checks, all the way down."""
    kept: _Schema = {name: value for name, value in schema.items() if name not in _NOT_KEPT}
    if "fields" in kept:
        kept["fields"] = {name: _narrowed(field) for name, field in kept["fields"].items()}
    for name in ("schema", "items_schema"):
        if name in kept:
            kept[name] = _narrowed(kept[name])
    if kept["type"] not in {"function-after", "function-wrap"}:
        return kept
    inner, check = kept["schema"], kept["function"]["function"]
    if isinstance(check, partial):
        lengths = check.keywords
        is_length = lengths.keys() <= {"min_length", "max_length"} and inner["type"] == "str"
        return {**inner, **lengths} if is_length else kept
    narrow = _NARROWER.get(check.__qualname__)
    narrower = None if narrow is None else narrow(inner)
    return kept if narrower is None else narrower


_NOT_KEPT = frozenset({"ref", "metadata", "serialization"})


class _NoShortCut(Exception):
    """A schema uses keywords that are not translated here."""


def _compiled(product_type: str, schema: Mapping[str, Any]) -> SchemaValidator:
    """Return the check of a product type's configurations; what it returns is not used."""
    try:
        return SchemaValidator(_configuration(schema))
    except _NoShortCut:

        def check(value: Mapping[str, Any]) -> None:
            if configuration_errors(product_type, value):
                raise ValueError

        return SchemaValidator(core_schema.no_info_plain_validator_function(check))


def _configuration(schema: Mapping[str, Any]) -> CoreSchema:
    """Return the same check as a JSON Schema of the catalogue."""
    types = schema.get("type")
    if types is None:
        raise _NoShortCut("type")
    checks = [_typed(name, schema) for name in ([types] if isinstance(types, str) else types)]
    checked = checks[0] if len(checks) == 1 else core_schema.union_schema([*checks])
    form = FORMATS.get(schema.get("format", ""))
    if form is None or form is FORMATS["readable-text"]:
        return checked
    return core_schema.no_info_after_validator_function(_refusing(form), checked)


def _typed(name: str, schema: Mapping[str, Any]) -> CoreSchema:
    unknown = schema.keys() - _KEYWORDS
    if any(not keyword.startswith("x-") for keyword in unknown):
        raise _NoShortCut(*unknown)
    least, most = schema.get("minimum"), schema.get("maximum")
    limit = schema.get("exclusiveMaximum")
    match name:
        case "string":
            is_readable = schema.get("format") == "readable-text"
            return core_schema.str_schema(
                strict=True,
                min_length=schema.get("minLength"),
                max_length=schema.get("maxLength"),
                pattern=READABLE if is_readable else None,
            )
        case "integer":
            return core_schema.int_schema(strict=True, ge=least, le=most, lt=limit)
        case "number":
            return core_schema.float_schema(strict=True, ge=least, le=most, lt=limit)
        case "boolean":
            return core_schema.bool_schema(strict=True)
        case "array":
            items = _configuration(schema.get("items", {}))
            return core_schema.list_schema(items, max_length=schema.get("maxItems"), strict=True)
        case "object":
            return _object(schema)
        case _:
            raise _NoShortCut(name)


def _object(schema: Mapping[str, Any]) -> CoreSchema:
    properties: Mapping[str, Any] = schema.get("properties", {})
    required = schema.get("required", ())
    further = schema.get("additionalProperties", True)
    if isinstance(further, Mapping) and not properties and not required:
        return core_schema.dict_schema(
            core_schema.str_schema(),
            _configuration(cast("Mapping[str, Any]", further)),
            max_length=schema.get("maxProperties"),
            strict=True,
        )
    if further is not True or "maxProperties" in schema or not properties.keys() >= set(required):
        raise _NoShortCut("object")
    fields = {
        name: core_schema.typed_dict_field(_configuration(member), required=name in required)
        for name, member in properties.items()
    }
    return core_schema.typed_dict_schema(fields, extra_behavior="allow", strict=True)


_KEYWORDS = frozenset(
    {
        "$schema",
        "title",
        "description",
        "examples",
        "default",
        "type",
        "format",
        "minLength",
        "maxLength",
        "minimum",
        "maximum",
        "exclusiveMaximum",
        "items",
        "maxItems",
        "properties",
        "required",
        "additionalProperties",
        "maxProperties",
    }
)


def _refusing(form: Format) -> Callable[[Any], Any]:
    # Callers repeat themselves; a text is bounded by its schema, and so is what is remembered.
    accepts = lru_cache(maxsize=256)(form) if form.applies_to is str else form

    def check(value: object) -> object:
        if isinstance(value, form.applies_to) and not accepts(value):
            raise ValueError
        return value

    return check


_ORDER = ShortCut(NewOrder)
_CONFIGURATIONS = MappingProxyType(
    {
        product.id: _compiled(product.id, product.configuracion_schema)
        for product in PRODUCT_TYPES.values()
    }
)
