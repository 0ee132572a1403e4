"""`/guia`: how the client uses the product."""

from fastapi import APIRouter
from starlette.responses import Response

from app.module import Context, ContextDep, Help, Module
from app.pages import page

router = APIRouter()


@router.get("/guia")
def guide(context: ContextDep) -> Response:
    """Show every module's help."""
    parts = [
        {"title": part.title, "paragraphs": part.paragraphs(context)}
        for module in context.modules
        for part in module.help
    ]
    return page("guide.html", product=context.product, parts=parts)


def _help(context: Context) -> list[str]:
    base = context.settings.public_url
    return [
        f"Los programas usan {base}/api con la clave de API en la cabecera X-API-Key.",
        f"El estado del servicio está siempre en {base}/health.",
    ]


module = Module(name="guide", router=router, help=(Help("Para sus sistemas", _help),))
