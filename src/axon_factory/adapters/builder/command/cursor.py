"""How far a session's output was read, and the noise at its end: kept by the line between looks."""

import json
import re
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Self, cast

_MOST_KINDS = 6
_LONGEST_TEXT = 60
_LONGEST_NUMBER = 15


@dataclass(frozen=True, slots=True)
class Repeated:
    """A text that was shown, and how often it has come again since."""

    text: str
    times: int = 0


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far the output was read.

    Attributes:
        offset: where the next look begins, in bytes.
        alive_at: when a line last was a sign of life.
        noise_since: when the first line after it came that is none; None where there is none.
        noise_at: when the newest such line came.
        noise: what was said since that sign of life, the newest kinds of it.
    """

    offset: int = 0
    alive_at: datetime | None = None
    noise_since: datetime | None = None
    noise_at: datetime | None = None
    noise: tuple[Repeated, ...] = ()

    @classmethod
    def read(cls, text: str | None) -> Self:
        """Read what :meth:`write` wrote; from the beginning if it cannot be read.

        A number alone is an offset: sessions of earlier versions have it.
        """
        if text and text.isdecimal() and len(text) <= _LONGEST_NUMBER:
            return cls(int(text))
        try:
            found = json.loads(text or "{}")
            times = {
                name: datetime.fromisoformat(found[name]).astimezone(UTC)
                for name in ("alive_at", "noise_since", "noise_at")
                if found.get(name)
            }
            noise = tuple(Repeated(str(said), int(times)) for said, times in found.get("noise", []))
            return cls(int(found.get("offset", 0)), noise=noise, **times)
        except (ValueError, TypeError, AttributeError):
            return cls()

    def write(self) -> str:
        """Return it for the next request; shorter than 1000 characters."""
        document = cast("dict[str, object]", asdict(self))
        for name in ("alive_at", "noise_since", "noise_at"):
            at = getattr(self, name)
            document[name] = at and at.isoformat()
        document["noise"] = [[one.text, one.times] for one in self.noise]
        return json.dumps(document, ensure_ascii=False, separators=(",", ":"))

    def knows(self, text: str) -> bool:
        """Say whether a text like this was shown since the last sign of life."""
        return any(one.text == likeness(text) for one in self.noise)

    def after_life(self, at: datetime) -> Self:
        """Return it after a sign of life: what was noise before is over."""
        return replace(self, alive_at=at, noise_since=None, noise_at=None, noise=())

    def after_noise(self, text: str, at: datetime) -> Self:
        """Return it after a line that is no sign of life."""
        return replace(self.remembering(text), noise_since=self.noise_since or at, noise_at=at)

    def remembering(self, text: str) -> Self:
        """Return it with one more of a text, which alone says neither that it is life nor noise."""
        said = likeness(text)
        known = next((one for one in self.noise if one.text == said), None)
        newest = Repeated(said) if known is None else replace(known, times=known.times + 1)
        others = [one for one in self.noise if one.text != said]
        return replace(self, noise=(*others[-(_MOST_KINDS - 1) :], newest))

    def noise_seconds(self, alive_at: datetime) -> float:
        """Return how long there has been nothing but noise since a sign of life, in seconds.

        Silence after an error is not counted: it is the silence of the session, shown elsewhere.
        """
        if self.noise_since is None or self.noise_at is None:
            return 0.0
        return max(0.0, (self.noise_at - max(self.noise_since, alive_at)).total_seconds())


def likeness(text: str) -> str:
    """Return what is alike in errors that differ in their numbers only, as "1/5" and "2/5" do."""
    return re.sub(r"\d+", "#", text)[:_LONGEST_TEXT]
