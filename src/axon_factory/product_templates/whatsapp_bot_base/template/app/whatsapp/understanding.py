"""What a message says: words without accents or plurals, products, quantities, intentions."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from app.catalog import Item

MAX_TEXT = 1000  # of a message, so much is read
MAX_MENTIONS = 20

NUMBERS = {
    "un": 1, "una": 1, "uno": 1, "dos": 2, "tres": 3, "cuatro": 4, "cinco": 5, "seis": 6,
    "siete": 7, "ocho": 8, "nueve": 9, "diez": 10, "docena": 12,
    "one": 1, "a": 1, "an": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6,
    "seven": 7, "eight": 8, "nine": 9, "ten": 10, "dozen": 12,
}  # fmt: skip
STOP_WORDS = {"de", "del", "la", "el", "los", "las", "con", "para", "y", "e", "o", "en",
              "the", "of", "with", "for", "and", "or"}  # fmt: skip


class Intent(StrEnum):
    """What the contact wants."""

    HUMAN = "human"
    CANCEL = "cancel"
    MY_ORDERS = "my_orders"
    ORDER = "order"
    HOURS = "hours"
    CATALOG = "catalog"
    QUESTION = "question"
    YES = "yes"
    NO = "no"
    THANKS = "thanks"
    GREETING = "greeting"
    UNKNOWN = "unknown"


# In this order: the first whose pattern is found in the plain text decides.
_PATTERNS = [
    (Intent.HUMAN, r"\b(asesor|humano|persona real|agente|human|someone|representative)\b"),
    (Intent.MY_ORDERS, r"\b(mis? pedidos?|estado de(l| mi) pedido|my orders?|order status)\b"),
    (Intent.CANCEL, r"\b(cancel\w*|anula\w*)\b"),
    (
        Intent.ORDER,
        r"\b(quiero|quisiera|queremos|deme|dame|ponme|necesito|pedir|pido|compr(o|ar)|orden(o|ar)|"
        r"encarg(o|ar)|me llevo|want|order|buy|need|i ll take|i d like|give me)\b",
    ),
    (Intent.HOURS, r"\b(horarios?|que hora|abren|abierto|cierran|hours|open|close)\b"),
    (
        Intent.CATALOG,
        r"\b(catalogo|productos|menu|lista|que venden|que tienen|que ofrecen|catalog(ue)?|products|"
        r"what do you (sell|have|offer))\b",
    ),
    (
        Intent.QUESTION,
        r"\b(tienen?|tendran?|hay|venden?|manejan|cuanto|cuestan?|precios?|busco|disponibles?|"
        r"do you (have|sell)|got|price|how much|cost|available|looking for)\b",
    ),
    (Intent.YES, r"^(si|confirm\w*|ok|okay|vale|dale|de acuerdo|correcto|claro|yes|yep|sure)\b"),
    (Intent.NO, r"^(no|nop|nope|mejor no|todavia no|not now)\b"),
    (Intent.THANKS, r"\b(gracias|thank(s| you)|thx)\b"),
    (Intent.GREETING, r"\b(hola|buen(os|as|a)?|saludos|que tal|hello|hi|hey|good (morning|day))\b"),
]
INTENTS = [(intent, re.compile(pattern)) for intent, pattern in _PATTERNS]


def words(text: str) -> list[str]:
    """Return the words of a text in small letters and without accents."""
    decomposed = unicodedata.normalize("NFKD", text[:MAX_TEXT].casefold())
    plain = "".join(c for c in decomposed if not unicodedata.combining(c))
    return re.findall(r"\w+", plain)


def intent(text: str) -> Intent:
    """Return what the text asks for."""
    plain = " ".join(words(text))
    return next((name for name, pattern in INTENTS if pattern.search(plain)), Intent.UNKNOWN)


def forms(word: str) -> frozenset[str]:
    """Return the word and what it may be the plural of (camisetas, pantalones, luces)."""
    found = {word}
    if len(word) > 2 and word.endswith("s"):
        found.add(word[:-1])
    if len(word) > 3:
        if word.endswith("es"):
            found.add(word[:-2])
        if word.endswith("ces"):
            found.add(word[:-3] + "z")
        if word.endswith("ies"):
            found.add(word[:-3] + "y")
    return frozenset(found)


@dataclass(frozen=True, slots=True)
class Mention:
    """A product in a message, and the quantity before it (None: not said)."""

    item: Item
    quantity: int | None


@dataclass(frozen=True, slots=True)
class Mentions:
    """The products that a message names, and those that it may mean."""

    named: tuple[Mention, ...] = ()
    perhaps: tuple[Item, ...] = ()


def quantity(word: str) -> int | None:
    """Return the number that a word is. A number of more than six digits is none."""
    if word.isascii() and word.isdigit():
        return int(word) if len(word) <= 6 else None
    return NUMBERS.get(word)


def first_quantity(text: str) -> int | None:
    """Return the first number of a text."""
    return next((n for n in map(quantity, words(text)) if n is not None), None)


def mentions(text: str, items: Sequence[Item]) -> Mentions:
    """Find the catalogue's products in a text; longer names win over names inside them."""
    said = words(text)
    said_forms = [forms(word) for word in said]
    taken: set[int] = set()
    found: list[tuple[int, Item]] = []
    symbols: list[tuple[int, Item]] = []  # products whose names have no letter
    perhaps: list[Item] = []
    for item in sorted(items, key=lambda item: -len(item.name)):
        wanted = [w for w in words(item.name) if w not in STOP_WORDS] or words(item.name)
        places = [_place(forms(word), said_forms, taken) for word in wanted]
        hits = [place for place in places if place is not None]
        if wanted and len(hits) == len(wanted):
            taken.update(hits)
            found.append((min(hits), item))
        elif not wanted and item.name in text:
            symbols.append((len(said), item))
        elif any(len(said[place]) > 2 and not said[place].isdigit() for place in hits):
            perhaps.append(item)
    found = sorted(found or symbols, key=lambda pair: pair[0])
    named = _with_quantities(said, found[:MAX_MENTIONS], taken)
    return Mentions(named, () if named else tuple(perhaps[:MAX_MENTIONS]))


def _place(wanted: frozenset[str], said: Sequence[frozenset[str]], taken: set[int]) -> int | None:
    places = (place for place, word in enumerate(said) if place not in taken and word & wanted)
    return next(places, None)


def _with_quantities(
    said: Sequence[str], found: Sequence[tuple[int, Item]], taken: set[int]
) -> tuple[Mention, ...]:
    """Give each product the last number between it and the product before it."""
    result: list[Mention] = []
    start = 0
    for place, item in found:
        numbers = [
            number
            for index in range(start, place)
            if index not in taken and (number := quantity(said[index])) is not None
        ]
        result.append(Mention(item, numbers[-1] if numbers else None))
        start = place + 1
    return tuple(result)
