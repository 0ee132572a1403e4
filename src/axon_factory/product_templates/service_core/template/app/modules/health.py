"""`/health`: whether the product can work, as its database says."""

import logging
import sqlite3

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse

from app.module import ContextDep, Module, integration_state

router = APIRouter()
log = logging.getLogger("app")


@router.get("/health")
def health(context: ContextDep, request: Request) -> JSONResponse:
    """Answer 200 if the database is migrated and seeded and answers, else 503."""
    try:
        migrated = context.database.is_migrated()
    except sqlite3.Error as error:
        log.warning("La base de datos no responde: %s", error)
        migrated = False
    seeded = bool(request.app.state.seeds_loaded)
    configured, pending = integration_state(context)
    healthy = migrated and seeded
    body = {
        "status": "ok" if healthy else "error",
        "db_migrated": migrated,
        "seeds_loaded": seeded,
        "integrations_configured": configured,
        "integrations_pending": pending,
    }
    return JSONResponse(body, status_code=200 if healthy else 503)


module = Module(name="health", router=router, endpoints={"salud": "/health"})
