"""Where the desk's pages are: its side bar, its bar on the phone, and the keys that go there."""

from collections.abc import Callable
from dataclasses import dataclass

from axon_factory.domain.permissions import Action
from axon_factory.domain.text import Sentence
from axon_factory.web.language import Reader

__all__ = ["Entry", "entries_for"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A page of the side bar; who has its action sees it."""

    path: str
    icon: str
    label: str
    group: str = ""
    key: str = ""
    """The second key after `G`."""
    on_phone: bool = False


_ADMINISTER = Sentence("Administrar", "Administer")


@dataclass(frozen=True, slots=True)
class _Page:
    action: Action
    path: str
    icon: str
    label: Sentence
    key: str
    group: Sentence | None = None
    on_phone: bool = False


_PAGES = (
    _Page(
        Action.READ_PENDING,
        "/app/pendientes",
        "inbox",
        Sentence("Pendientes", "Pending"),
        "p",
        on_phone=True,
    ),
    _Page(
        Action.READ_BOARD,
        "/app/ordenes",
        "square-kanban",
        Sentence("Órdenes", "Orders"),
        "o",
        on_phone=True,
    ),
    _Page(
        Action.CREATE_ORDER,
        "/app/ordenes/nueva",
        "plus",
        Sentence("Nueva orden", "New order"),
        "n",
        on_phone=True,
    ),
    _Page(
        Action.READ_LINE,
        "/app/linea",
        "activity",
        Sentence("Línea", "Line"),
        "l",
        on_phone=True,
    ),
    _Page(
        Action.MANAGE_USERS,
        "/app/personas",
        "users",
        Sentence("Personas", "People"),
        "u",
        _ADMINISTER,
    ),
    _Page(
        Action.MANAGE_KEYS,
        "/app/claves",
        "key-round",
        Sentence("Claves", "Keys"),
        "k",
        _ADMINISTER,
    ),
    _Page(
        Action.MANAGE_NOTIFICATIONS,
        "/app/avisos",
        "bell",
        Sentence("Avisos", "Notifications"),
        "w",
        _ADMINISTER,
    ),
    _Page(
        Action.READ_AUDIT,
        "/app/auditoria",
        "shield-check",
        Sentence("Auditoría", "Audit"),
        "a",
        _ADMINISTER,
    ),
    _Page(
        Action.READ_SETTINGS,
        "/app/ajustes",
        "settings",
        Sentence("Ajustes", "Settings"),
        "s",
        _ADMINISTER,
    ),
)


def entries_for(may: Callable[[Action], bool], reader: Reader) -> list[Entry]:
    """Return the pages that a person has, in the order of the side bar."""
    return [
        Entry(
            page.path,
            page.icon,
            reader.say(page.label),
            reader.say(page.group) if page.group else "",
            page.key,
            page.on_phone,
        )
        for page in _PAGES
        if may(page.action)
    ]
