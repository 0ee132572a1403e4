"""`/api`: the index of what programs may ask."""

from typing import Any

from fastapi import APIRouter

from app.module import ContextDep, Module

router = APIRouter()


@router.get("/api")
def index(context: ContextDep) -> dict[str, Any]:
    """List the endpoints; what they answer needs the API key."""
    endpoints = {name: path for m in context.modules for name, path in m.endpoints.items()}
    return {
        "producto": context.product.name,
        "autenticacion": "Cabecera X-API-Key, o Authorization: Bearer",
        "endpoints": endpoints,
    }


module = Module(name="api", router=router)
