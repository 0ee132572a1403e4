"""Leads (interesados): captured once an e-mail address, moved along the pipeline."""

import re
import sqlite3
from dataclasses import dataclass
from datetime import datetime

from app.catalog import clean
from app.orders import moment

STAGES = ("nuevo", "contactado", "propuesta", "ganado", "perdido")
_EMAIL = re.compile(r"[^@\s<>\"',;:]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")


@dataclass(frozen=True, slots=True)
class Lead:
    """What somebody wrote into the form, cleaned."""

    name: str
    email: str
    phone: str
    message: str


def read_lead(fields: dict[str, str]) -> Lead | None:
    """Return the lead of a form, None if it has no name or no e-mail address."""
    lead = Lead(
        clean(fields.get("nombre", ""))[:120],
        fields.get("email", "").strip().lower(),
        clean(fields.get("telefono", ""))[:40],
        fields.get("mensaje", "").replace("\x00", "")[:2000],
    )
    is_address = len(lead.email) <= 254 and _EMAIL.fullmatch(lead.email) is not None
    return lead if lead.name and is_address else None


def save_lead(connection: sqlite3.Connection, lead: Lead, now: datetime) -> int:
    """Write a lead, or what is new of a known one, and return its number."""
    row = connection.execute(
        "INSERT INTO interesados (nombre, email, telefono, mensaje, creado_at)"
        " VALUES (?, ?, ?, ?, ?) ON CONFLICT (email) DO UPDATE SET"
        " nombre = excluded.nombre, telefono = excluded.telefono, mensaje = excluded.mensaje"
        " RETURNING id",
        (lead.name, lead.email, lead.phone, lead.message, moment(now)),
    ).fetchone()
    return int(row["id"])


def move_lead(connection: sqlite3.Connection, number: int, stage: str) -> bool:
    """Put a lead into a stage of the pipeline."""
    if stage not in STAGES:
        return False
    done = connection.execute("UPDATE interesados SET etapa = ? WHERE id = ?", (stage, number))
    return done.rowcount == 1


def list_leads(connection: sqlite3.Connection, limit: int = 200) -> list[dict[str, object]]:
    """Return leads, newest first, with their appointment."""
    rows = connection.execute(
        "SELECT i.*, (SELECT min(inicio) FROM citas WHERE interesado_id = i.id) AS cita"
        " FROM interesados i ORDER BY id DESC LIMIT ?",
        (limit,),
    )
    return [dict(row) for row in rows]
