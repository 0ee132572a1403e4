"""What the `Accept` header says of media types (RFC 9110 §12.5.1)."""

from collections.abc import Iterator

__all__ = ["charsets_of", "prefers"]


def prefers(accept: str, media_type: str, *, over: str) -> bool:
    """Return whether `accept` gives `media_type` more weight than `over`, the usual one."""
    return _weight(accept, media_type) > _weight(accept, over)


def charsets_of(accept: str, media_type: str) -> set[str]:
    """Return the values of `charset` that `accept` gives for `media_type`, in lower case."""
    return {
        value.strip().strip('"')
        for name, parameters in _ranges(accept)
        if name == media_type
        for parameter, _, value in (each.partition("=") for each in parameters)
        if parameter.strip() == "charset"
    }


def _ranges(accept: str) -> Iterator[tuple[str, list[str]]]:
    for item in accept.lower().split(","):
        name, *parameters = (part.strip() for part in item.split(";"))
        yield name, parameters


def _weight(accept: str, media_type: str) -> float:
    """Return the weight that the most specific range of `accept` gives to `media_type`."""
    ranges = {"*/*": 0, media_type.partition("/")[0] + "/*": 1, media_type: 2}
    best, weight = -1, 0.0
    for name, parameters in _ranges(accept):
        specificity = ranges.get(name, -1)
        if specificity > best:
            best, weight = specificity, _quality(parameters)
    return weight


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return min(max(float(value), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0
