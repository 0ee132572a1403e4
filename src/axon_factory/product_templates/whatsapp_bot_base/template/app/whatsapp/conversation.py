"""The conversation: a message and what is remembered of the contact give an answer."""

import json
import re
import sqlite3
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from app.catalog import Item, clean, load_items, money
from app.orders import (
    MAX_QUANTITY,
    Line,
    cancel_order,
    list_orders,
    moment,
    place_order,
    total,
)
from app.product import Product
from app.whatsapp.hours import opening_hours
from app.whatsapp.texts import Voice
from app.whatsapp.understanding import (
    Intent,
    Mention,
    Mentions,
    first_quantity,
    intent,
    mentions,
)

CHANNEL = "whatsapp"
MAX_CATALOG_LINES = 25


@dataclass(slots=True)
class Memory:
    """What is remembered of a contact between messages."""

    pending: list[Line] = field(default_factory=list)
    asked: str | None = None
    """The product last talked about: "quiero 2" means that one."""
    met: str | None = None
    """The day (UTC) of the last message; the closed notice comes once a day."""


class Conversation:
    """One message of one contact, inside the transaction that records it."""

    def __init__(
        self, product: Product, connection: sqlite3.Connection, contact: str, now: datetime
    ) -> None:
        self._product = product
        self._connection = connection
        self._contact = contact
        self._now = now
        self._voice = Voice(product)
        self._items = load_items(connection)
        self._memory = load_memory(connection, contact)
        self._business = clean(product.client_text("nombre") or product.name)[:120]

    def answer(self, text: str) -> str:
        """Return the answer, having remembered and ordered what the text asks for."""
        found = mentions(text, self._items)
        answer = self._answer(text, intent(text), found)
        notice = self._closed_notice()
        self._memory.met = moment(self._now)[:10]
        save_memory(self._connection, self._contact, self._memory, self._now)
        return f"{notice}\n\n{answer}" if notice else answer

    def _answer(self, text: str, wanted: Intent, found: Mentions) -> str:
        # A short yes or no belongs to the order that waits for it; a product named is a new wish.
        if wanted is Intent.YES and not found.named:
            return self._confirm()
        if wanted is Intent.NO and not found.named:
            return self._discard()
        if wanted is Intent.CANCEL:
            return self._cancel(text)
        if wanted is Intent.ORDER:
            return self._order(text, found)
        if found.named:
            return self._named(found.named)
        simple = {
            Intent.HUMAN: self._human,
            Intent.MY_ORDERS: self._my_orders,
            Intent.HOURS: self._hours,
            Intent.CATALOG: self._catalog,
            Intent.THANKS: lambda: self._voice.say("thanks"),
            Intent.GREETING: self._greeting,
        }
        if wanted in simple:
            return simple[wanted]()
        return self._unknown(found, asked=wanted is Intent.QUESTION)

    def _closed_notice(self) -> str:
        hours = opening_hours(self._product)
        if hours is None or hours.is_open(self._now):
            return ""
        if self._memory.met == moment(self._now)[:10]:
            return ""
        return self._voice.say("closed", hours=hours)

    def _greeting(self) -> str:
        return f"{self._voice.say('greeting', business=self._business)}\n{self._voice.say('help')}"

    def _hours(self) -> str:
        hours = opening_hours(self._product)
        if hours is None:
            return self._voice.say("no_hours")
        now = self._voice.say("open_now" if hours.is_open(self._now) else "closed_now")
        return f"{self._voice.say('hours', hours=hours)} {now}"

    def _listing(self, items: list[Item]) -> str:
        lines = [f"• {self._described(item)}" for item in items[:MAX_CATALOG_LINES]]
        return "\n".join(lines + (["• …"] if len(items) > MAX_CATALOG_LINES else []))

    def _described(self, item: Item) -> str:
        price = "" if item.price is None else f" ({money(self._product, item.price)})"
        return f"{item.name}{price}"

    def _catalog(self) -> str:
        if not self._items:
            return self._voice.say("no_catalog", business=self._business)
        return self._voice.say(
            "catalog", catalog=self._listing(self._items), example=self._items[0].name
        )

    def _named(self, named: tuple[Mention, ...]) -> str:
        # "2 camisetas" with no verb is an order once the bot asked how many.
        if self._memory.asked and all(mention.quantity is not None for mention in named):
            return self._propose(named)
        self._memory.asked = named[0].item.name
        products = [self._described(mention.item) for mention in named]
        return self._voice.say(
            "available", products=self._joined(products), example=named[0].item.name
        )

    def _unknown(self, found: Mentions, *, asked: bool) -> str:
        if found.perhaps:
            self._memory.asked = found.perhaps[0].name if len(found.perhaps) == 1 else None
            return self._voice.say("perhaps", catalog=self._listing(list(found.perhaps)))
        if self._memory.pending:
            return self._voice.say("still_pending", lines=self._lines(self._memory.pending))
        if not self._items:
            return self._catalog()
        if asked:
            return self._voice.say("unknown_product", catalog=self._listing(self._items))
        return f"{self._voice.say('help')}\n{self._catalog()}"

    def _order(self, text: str, found: Mentions) -> str:
        if found.named:
            return self._propose(found.named)
        if len(found.perhaps) == 1:
            return self._propose((Mention(found.perhaps[0], first_quantity(text)),))
        count = first_quantity(text)
        known = next((item for item in self._items if item.name == self._memory.asked), None)
        if known is not None and count is not None and not found.perhaps:
            return self._propose((Mention(known, count),))
        return self._unknown(found, asked=True)

    def _propose(self, wanted: tuple[Mention, ...]) -> str:
        lines = [
            Line(m.item.name, 1 if m.quantity is None else m.quantity, m.item.price) for m in wanted
        ]
        self._memory.asked = lines[0].product
        if any(not 1 <= line.quantity <= MAX_QUANTITY for line in lines):
            return self._voice.say("bad_quantity", max=MAX_QUANTITY)
        self._memory.pending = lines
        return self._voice.say("confirm", lines=self._lines(lines), total=self._total(lines))

    def _confirm(self) -> str:
        lines = self._memory.pending
        if not lines:
            return self._voice.say("nothing_pending")
        number = place_order(self._connection, CHANNEL, self._contact, lines, self._now)
        self._memory.pending, self._memory.asked = [], None
        return self._voice.say("placed", number=number, lines=self._lines(lines))

    def _discard(self) -> str:
        if not self._memory.pending:
            return self._voice.say("help")
        self._memory.pending, self._memory.asked = [], None
        return self._voice.say("discarded")

    def _cancel(self, text: str) -> str:
        if self._memory.pending:
            return self._discard()
        match = re.search(r"\d{1,15}", text, re.ASCII)
        if match is None:
            return self._voice.say("nothing_pending")
        number = int(match[0])
        done = cancel_order(self._connection, number, self._contact)
        return self._voice.say("cancelled" if done else "not_cancelled", number=number)

    def _my_orders(self) -> str:
        found = list_orders(self._connection, limit=3, contact=self._contact)
        if not found:
            return self._voice.say("no_orders")
        shown = [
            f"n.º {order['id']} ({order['estado']}): "
            + ", ".join(f"{li['cantidad']} × {li['producto']}" for li in order["lineas"])
            for order in found
        ]
        return self._voice.say("my_orders", orders="\n".join(shown))

    def _human(self) -> str:
        number = clean(self._product.client_text("telefono"))[:40]
        phone = self._voice.say("phone", number=number) if number else ""
        return self._voice.say("human", business=self._business, phone=phone)

    def _lines(self, lines: list[Line]) -> str:
        return self._joined([f"{line.quantity} × {line.product}" for line in lines])

    def _total(self, lines: list[Line]) -> str:
        amount = total(lines)
        if amount is None:
            return ""
        return self._voice.say("total", amount=money(self._product, amount))

    def _joined(self, parts: list[str]) -> str:
        last = self._voice.say("and")
        return last.join(parts) if len(parts) < 3 else ", ".join(parts[:-1]) + last + parts[-1]


def load_memory(connection: sqlite3.Connection, contact: str) -> Memory:
    """Return what is remembered of a contact."""
    row = connection.execute(
        "SELECT estado FROM conversaciones WHERE contacto = ?", (contact,)
    ).fetchone()
    if row is None:
        return Memory()
    data = json.loads(row["estado"])
    pending = [
        Line(name, count, None if price is None else Decimal(price))
        for name, count, price in data["pendiente"]
    ]
    return Memory(pending, data["producto"], data["dia"])


def save_memory(
    connection: sqlite3.Connection, contact: str, memory: Memory, now: datetime
) -> None:
    """Remember."""
    pending = [
        (li.product, li.quantity, None if li.price is None else str(li.price))
        for li in memory.pending
    ]
    data = {"pendiente": pending, "producto": memory.asked, "dia": memory.met}
    connection.execute(
        "INSERT INTO conversaciones (contacto, estado, cambiada_at) VALUES (?, ?, ?)"
        " ON CONFLICT (contacto) DO UPDATE SET estado = excluded.estado,"
        " cambiada_at = excluded.cambiada_at",
        (contact, json.dumps(data), moment(now)),
    )
