"""The pipeline: leads for programs (`/api/interesados`) and on the administration page."""

import sqlite3
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path
from starlette.responses import RedirectResponse, Response

from app.leads import STAGES, list_leads, move_lead
from app.module import Context, ContextDep, Module, Section
from app.security import ApiKeyDep
from app.sessions import AdminFormDep

router = APIRouter()


@router.get("/api/interesados", dependencies=[ApiKeyDep])
def leads(context: ContextDep) -> dict[str, Any]:
    """Return the newest leads."""
    with context.database.reading() as connection:
        return {"interesados": list_leads(connection)}


@router.post("/admin/interesados/{number:int}/etapa")
def change_stage(
    context: ContextDep, number: Annotated[int, Path(ge=1, le=2**53)], form: AdminFormDep
) -> Response:
    """Move a lead along the pipeline."""
    with context.database.transaction() as connection:
        if not move_lead(connection, number, form.get("etapa", "")):
            raise HTTPException(409, "No existe ese interesado o esa etapa.")
    return RedirectResponse("/admin", 303)


def _funnel(_context: Context, connection: sqlite3.Connection) -> dict[str, Any]:
    visits = connection.execute("SELECT coalesce(sum(cuantas), 0) FROM visitas").fetchone()[0]
    counts = dict(
        tuple(row)
        for row in connection.execute("SELECT etapa, count(*) FROM interesados GROUP BY 1")
    )
    total = sum(counts.values())
    share = f"{100 * total / visits:.1f} %" if visits else "—"
    figures = {"Visitas": visits, "Interesados": total, "Conversión": share}
    return {"figures": figures | {f"Etapa: {stage}": counts.get(stage, 0) for stage in STAGES}}


def _leads(_context: Context, connection: sqlite3.Connection) -> dict[str, Any]:
    return {"leads": list_leads(connection), "stages": STAGES}


module = Module(
    name="pipeline",
    router=router,
    sections=(
        Section("Embudo", "summary.html", _funnel),
        Section("Interesados", "leads.html", _leads),
    ),
    endpoints={"interesados": "/api/interesados"},
)
