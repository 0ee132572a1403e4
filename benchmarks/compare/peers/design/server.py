"""The design's orders as it writes them: FastAPI, SQLModel, sessions, logs in a JSON column.

Four concessions, without which it does not run: JSON columns are declared with `sa_column` (the
design's `sa_column_kwargs` does not import), `order_number` has a unique index and is counted by
`count(*)` of the year (the design says no way), a changed log is assigned anew, because a
change inside a JSON column is not seen, and times are declared as `NaiveDatetime`, which today's
SQLModel wants of `utcnow`.
"""

import sys
import uuid
from collections.abc import Generator
from datetime import datetime
from typing import Annotated, Any

import uvicorn
from fastapi import Depends, FastAPI, Header, HTTPException, Query
from pydantic import NaiveDatetime
from sqlalchemy import JSON, Column, desc, text
from sqlmodel import Field, Session, SQLModel, create_engine, func, select

_PORT, _DATABASE = int(sys.argv[1]), sys.argv[2].replace("postgresql://", "postgresql+psycopg://")
_engine = create_engine(_DATABASE, pool_size=8, max_overflow=0)


class Order(SQLModel, table=True):
    __tablename__ = "design_orders"

    id: str = Field(default_factory=lambda: str(uuid.uuid4()), primary_key=True)
    order_number: str = Field(index=True, unique=True)
    tipo_producto: str = Field(index=True)
    nombre_producto: str
    cliente_id: str | None = Field(default=None, index=True)
    datos_cliente: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON))
    estado: str = Field(default="nuevo", index=True)
    plan: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON))
    repo_url: str | None = None
    deploy_url: str | None = None
    resultado: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON))
    progreso: int = 0
    asignado_a: str | None = None
    session_id: str | None = None
    logs: list[dict[str, Any]] = Field(default_factory=list, sa_column=Column(JSON))
    created_at: NaiveDatetime = Field(default_factory=datetime.utcnow, index=True)
    updated_at: NaiveDatetime = Field(default_factory=datetime.utcnow)
    planificado_at: NaiveDatetime | None = None
    construccion_iniciada_at: NaiveDatetime | None = None
    qa_iniciada_at: NaiveDatetime | None = None
    entregado_at: NaiveDatetime | None = None
    prioridad: str = "normal"
    tags: list[str] = Field(default_factory=list, sa_column=Column(JSON))
    notas_internas: str = ""


class NewOrder(SQLModel):
    tipo_producto: str
    nombre_producto: str
    datos_cliente: dict[str, Any]
    cliente_id: str | None = None
    prioridad: str = "normal"
    tags: list[str] = []
    notas_internas: str = ""


class Patch(SQLModel):
    progreso: int
    logs: list[dict[str, Any]] = []


def _session() -> Generator[Session]:
    with Session(_engine) as session:
        yield session


Db = Annotated[Session, Depends(_session)]
app = FastAPI()


@app.get("/api/orders/{order_id}")
def show(order_id: str, db: Db) -> Order:
    order = db.get(Order, order_id)
    if order is None:
        raise HTTPException(404, "Order not found")
    return order


@app.get("/api/orders")
def listed(
    db: Db,
    estado: Annotated[str | None, Query()] = None,
    limit: int = 50,
    offset: int = 0,
) -> dict[str, Any]:
    query = select(Order)
    if estado is not None:
        query = query.where(Order.estado == estado)
    total = db.exec(select(func.count()).select_from(query.subquery())).one()
    orders = db.exec(query.order_by(desc(Order.created_at)).offset(offset).limit(limit)).all()
    shown = [
        {
            "id": order.id,
            "order_number": order.order_number,
            "tipo_producto": order.tipo_producto,
            "nombre_producto": order.nombre_producto,
            "estado": order.estado,
            "progreso": order.progreso,
            "asignado_a": order.asignado_a,
            "prioridad": order.prioridad,
            "created_at": order.created_at,
            "updated_at": order.updated_at,
        }
        for order in orders
    ]
    return {"total": total, "limit": limit, "offset": offset, "count": len(shown), "orders": shown}


@app.post("/api/orders", status_code=201)
def place(
    new: NewOrder, db: Db, idempotency_key: Annotated[str | None, Header()] = None
) -> dict[str, Any]:
    del idempotency_key  # the design has none
    year = datetime.utcnow().year
    # Without a lock two requests count the same; the comparison needs answers of 201.
    db.exec(text("SELECT pg_advisory_xact_lock(1)"))
    count = db.exec(
        select(func.count()).select_from(Order).where(Order.order_number.startswith(f"ORD-{year}-"))
    ).one()
    order = Order(**new.model_dump(), order_number=f"ORD-{year}-{count + 1:03d}")
    db.add(order)
    db.commit()
    db.refresh(order)
    return {
        "id": order.id,
        "order_number": order.order_number,
        "tipo_producto": order.tipo_producto,
        "nombre_producto": order.nombre_producto,
        "estado": order.estado,
        "progreso": order.progreso,
        "created_at": order.created_at,
        "message": "Orden creada exitosamente. Super Axon Agent la procesará pronto.",
    }


@app.patch("/api/orders/{order_id}")
def report(order_id: str, patch: Patch, db: Db) -> dict[str, Any]:
    order = db.get(Order, order_id, with_for_update=True)
    if order is None:
        raise HTTPException(404, "Order not found")
    order.progreso = patch.progreso
    now = datetime.utcnow()
    order.logs = [*order.logs, *({"timestamp": now.isoformat(), **one} for one in patch.logs)]
    order.updated_at = now
    db.add(order)
    db.commit()
    db.refresh(order)
    return {
        "id": order.id,
        "order_number": order.order_number,
        "estado": order.estado,
        "progreso": order.progreso,
        "asignado_a": order.asignado_a,
        "updated_at": order.updated_at,
        "message": "Orden actualizada exitosamente",
    }


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=_PORT, access_log=False, log_level="warning")
