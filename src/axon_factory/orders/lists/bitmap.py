"""Sets of positions as bits, in chunks that are stored, read and combined one by one."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

__all__ = ["Bitmap", "chunk_of", "split"]

_CHUNK_BITS = 14
_IN_CHUNK = (1 << _CHUNK_BITS) - 1


def chunk_of(position: int) -> int:
    """Return the number of the chunk that `position` lies in."""
    return position >> _CHUNK_BITS


def split(positions: Iterable[int]) -> dict[int, bytes]:
    """Return the chunks with these positions, as they are stored.

    Bit 0 is the lowest bit of the first byte, as in PostgreSQL's `get_bit`.
    """
    chunks: defaultdict[int, bytearray] = defaultdict(lambda: bytearray((_IN_CHUNK + 1) // 8))
    for position in positions:
        place = position & _IN_CHUNK
        chunks[position >> _CHUNK_BITS][place >> 3] |= 1 << (place & 7)
    return {chunk: bytes(bits).rstrip(b"\0") for chunk, bits in chunks.items()}


class Bitmap:
    """An immutable set of positions."""

    __slots__ = ("_chunks",)

    def __init__(self, chunks: Mapping[int, int] | None = None) -> None:
        """`chunks` maps a chunk's number to its bits, the lowest position in the lowest bit."""
        self._chunks = chunks or {}

    @classmethod
    def of(cls, positions: Iterable[int]) -> "Bitmap":
        """Return the set of `positions`."""
        return cls.stored(split(positions))

    @classmethod
    def stored(cls, chunks: Mapping[int, bytes]) -> "Bitmap":
        """Return the set whose stored chunks these are."""
        return cls({chunk: int.from_bytes(bits, "little") for chunk, bits in chunks.items()})

    @classmethod
    def union(cls, sets: Iterable["Bitmap"]) -> "Bitmap":
        """Return what is in any of `sets`."""
        chunks: dict[int, int] = {}
        for each in sets:
            for chunk, bits in each._chunks.items():  # noqa: SLF001 — of its own class
                chunks[chunk] = chunks.get(chunk, 0) | bits
        return cls(chunks)

    @classmethod
    def intersection(cls, sets: Iterable["Bitmap"]) -> "Bitmap":
        """Return what is in all of `sets`, of which there is at least one."""
        first, *others = sets
        for each in others:
            first &= each
        return first

    def __and__(self, other: "Bitmap") -> "Bitmap":
        few, many = sorted((self._chunks, other._chunks), key=len)
        common = {c: bits & many[c] for c, bits in few.items() if c in many}
        return Bitmap({chunk: bits for chunk, bits in common.items() if bits})

    def __or__(self, other: "Bitmap") -> "Bitmap":
        return Bitmap.union((self, other))

    def __sub__(self, other: "Bitmap") -> "Bitmap":
        theirs = other._chunks
        return Bitmap({c: bits & ~theirs.get(c, 0) for c, bits in self._chunks.items()})

    def __bool__(self) -> bool:
        return any(self._chunks.values())

    def __len__(self) -> int:
        return sum(bits.bit_count() for bits in self._chunks.values())

    def __iter__(self) -> Iterator[int]:
        for chunk, bits in self._chunks.items():
            base = chunk << _CHUNK_BITS
            left = bits
            while left:
                lowest = left & -left
                yield base + lowest.bit_length() - 1
                left ^= lowest

    def chunks(self) -> dict[int, bytes]:
        """Return the set's chunks as they are stored."""
        return {
            chunk: bits.to_bytes((bits.bit_length() + 7) // 8, "little")
            for chunk, bits in self._chunks.items()
        }

    def run(self) -> tuple[int, bytes]:
        """Return the set as (first position, bits from there on), for `get_bit`."""
        stored = {chunk: bits for chunk, bits in self.chunks().items() if bits}
        if not stored:
            return 0, b""
        first, last = min(stored), max(stored)
        whole = b"".join(
            stored.get(chunk, b"").ljust((_IN_CHUNK + 1) // 8, b"\0")
            for chunk in range(first, last + 1)
        )
        return first << _CHUNK_BITS, whole
