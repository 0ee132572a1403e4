"""Terms: what a list can be filtered by, and how a filter is said in them.

The first letter of a term is its kind. `order_lexemes` in migration 0004 gives each order its
terms; here a query gets those that it asks for.
"""

import re
from collections.abc import Iterable, Sequence

from axon_factory.domain.building import Priority
from axon_factory.domain.fields import public_name
from axon_factory.domain.permissions import Grant, Principal
from axon_factory.orders.lists.query import ListQuery

__all__ = [
    "CALENDARS",
    "CREATED_DAY",
    "CREATED_MONTH",
    "Clause",
    "clauses_of",
    "cut_numbers",
    "is_bounded",
    "is_word",
    "priority_term",
    "spread",
    "tsquery",
    "visible_names",
]

Clause = tuple[str, ...]
"""Terms of which an order must have one."""

CREATED_MONTH, CREATED_DAY, UPDATED_MONTH = "m:", "d:", "u:"
_STATE, _TYPE, _PRIORITY = "e:", "t:", "p:"
_ASSIGNEE, _CLIENT, _TAG, _WORD = "a:", "c:", "g:", "w:"
_BOUNDED = (CREATED_MONTH, CREATED_DAY, UPDATED_MONTH, _STATE, _TYPE, _PRIORITY)
_ORDER_NUMBER = re.compile(r"ord-\d{0,4}|(?:ord-)?\d{4}-\d*", re.ASCII)
_LONGEST_WORD = 40

CALENDARS = {
    "created_at": CREATED_MONTH,
    "prioridad": CREATED_MONTH,
    "updated_at": UPDATED_MONTH,
}
"""Sort key to the kind of the months that its pages are read from."""


def clauses_of(query: ListQuery, principal: Principal, words: Iterable[str]) -> list[Clause]:
    """Return the filter, limited to what the caller may see: an AND of clauses.

    `words` are those of `q`, as the database cut them. Dates are not in it.
    """
    clauses = [
        _any_of(_STATE, query.states),
        _any_of(_TYPE, query.product_types),
        _any_of(_PRIORITY, query.priorities),
        _any_of(_ASSIGNEE, visible_names(query.assignees, principal)),
        _any_of(_CLIENT, query.client_ids),
        *((_TAG + tag,) for tag in query.tags),
        *((_WORD + word[:_LONGEST_WORD],) for word in words),
    ]
    if principal.grant is Grant.CLIENT_OWN:
        clauses.append((f"{_CLIENT}{principal.client_id}",))
    return [clause for clause in dict.fromkeys(clauses) if clause]


def cut_numbers(text: str) -> tuple[list[str], str]:
    """Take the (beginnings of) order numbers out of `text`; return them and what is left."""
    pieces = text.lower().split()
    numbers = [piece for piece in pieces if _ORDER_NUMBER.fullmatch(piece)]
    return numbers, " ".join(piece for piece in pieces if piece not in numbers)


def priority_term(rank: int) -> str:
    """Return the term of the priority with this rank."""
    return _PRIORITY + list(Priority)[rank].value


def is_bounded(term: str) -> bool:
    """Return whether its kind has few values, so that each always has a bitmap."""
    return term.startswith(_BOUNDED)


def is_word(term: str) -> bool:
    """Return whether an order has the term when one of its words begins so."""
    return term.startswith(_WORD)


def spread(lexeme: str) -> Sequence[str]:
    """Return the terms that an order with `lexeme` has: of a word, each of its beginnings."""
    if not is_word(lexeme):
        return (lexeme,)
    return [lexeme[:length] for length in range(len(_WORD) + 1, len(lexeme) + 1)]


def tsquery(clause: Clause) -> str:
    """Return the clause in PostgreSQL's syntax of text search."""
    return " | ".join(
        "'" + term.replace("\\", "\\\\").replace("'", "''") + "'" + (":*" if is_word(term) else "")
        for term in clause
    )


def _any_of(kind: str, values: Iterable[str]) -> Clause:
    return tuple(kind + value for value in dict.fromkeys(values))


def visible_names(names: Sequence[str], principal: Principal) -> Sequence[str]:
    """Return the names to look for.

    A client must not learn by asking which person of the factory deals with an order.
    """
    if principal.is_staff:
        return names
    return [name if public_name(name, principal.grant) == name else "" for name in names]
