"""The evidence of an order in answers: receipts of checks and of deployments."""

from typing import Annotated, Any, ClassVar

from pydantic import Field

from axon_factory.db import tables
from axon_factory.domain.answers import AnswerModel, Column, Count, OrderNumber, Timestamp
from axon_factory.domain.states import Claim, OrderState
from axon_factory.orders.answers.shared import EXAMPLE_ID, EXAMPLE_NUMBER, Attempt, OrderId
from axon_factory.orders.evidence import Receipts

__all__ = ["CheckReceipt", "OrderEvidence", "check_document", "evidence_document"]

_COMMIT = "9fceb02d0ae598e95dc970b74767f19372d61af8"
_RECEIPT = {
    "verificacion": "tests",
    "aprobada": True,
    "intento": 1,
    "commit": _COMMIT,
    "comando": ["python", "-m", "pytest"],
    "exit_code": 0,
    "duracion_segundos": 8.6,
    "sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "hallazgos": ["119 pruebas superadas."],
    "aislamiento": "bubblewrap",
    "actor": "worker",
    "created_at": "2025-11-14T13:00:00Z",
}


class CheckReceipt(AnswerModel):
    """El recibo de una verificación."""

    EXAMPLE: ClassVar = _RECEIPT

    verificacion: Annotated[str, Column("check_name")] = Field(description="Qué se verificó.")
    aprobada: Annotated[bool, Column("passed")] = Field(description="Si pasó.")
    intento: Attempt
    commit: Annotated[str | None, Column("commit_id")] = Field(
        description="El commit que se verificó; null si no había ninguno."
    )
    comando: Annotated[list[str], Column("command")] = Field(
        description="El comando que se ejecutó."
    )
    exit_code: int = Field(description="Su código de salida.")
    duracion_segundos: float = Field(ge=0, description="Cuánto tardó.")
    sha256: Annotated[str, Column("output_digest")] = Field(
        description="SHA-256 de toda su salida, en hexadecimal."
    )
    hallazgos: Annotated[list[str], Column("findings")] = Field(
        description="Lo que encontró, en frases."
    )
    aislamiento: Annotated[str, Column("isolation")] = Field(
        description="Cómo se aisló: `bubblewrap`, `subprocess` o `externo`."
    )
    actor: str = Field(description="Quién lo escribió, ya autenticado: `worker` o `token:…`.")
    created_at: Timestamp


class AnsweredRequest(AnswerModel):
    """Una solicitud que el producto en marcha respondió."""

    name: str = Field(description="Qué se pidió.")
    method: str = Field(description="Método HTTP.")
    path: str = Field(description="Ruta.")
    status: int = Field(description="Código de la respuesta.")


class DeploymentReceipt(AnswerModel):
    """El recibo de un despliegue: un commit que está en marcha y respondió."""

    commit: Annotated[str, Column("commit_id")] = Field(description="El commit desplegado.")
    url: str = Field(description="Su dirección.")
    solicitudes: Annotated[list[AnsweredRequest], Column("requests")] = Field(
        description="Lo que se le pidió y respondió."
    )
    created_at: Timestamp
    retirado_at: Annotated[Timestamp | None, Column("withdrawn_at")] = Field(
        description="Desde cuándo ya no está en marcha."
    )


class OrderEvidence(AnswerModel):
    """Lo que está probado del intento actual, y lo que falta."""

    EXAMPLE: ClassVar = {
        "order_id": EXAMPLE_ID,
        "order_number": EXAMPLE_NUMBER,
        "estado": "qa",
        "intento": 1,
        "commit": _COMMIT,
        "revisado": False,
        "desplegado": False,
        "hitos_pendientes": [],
        "verificaciones_requeridas": ["tests", "security", "health"],
        "verificaciones_pendientes": ["security", "health"],
        "count": 1,
        "verificaciones": [_RECEIPT],
        "despliegues": [],
    }

    order_id: Annotated[OrderId, Column("id")]
    order_number: OrderNumber
    estado: OrderState
    intento: Attempt
    commit: str | None = Field(description="El commit que se revisa; null antes del primer hito.")
    revisado: bool = Field(description="Todos los hitos y todas las verificaciones, aprobadas.")
    desplegado: bool = Field(description="Este commit está en marcha y respondió.")
    hitos_pendientes: list[str] = Field(description="Hitos del plan sin commit en este intento.")
    verificaciones_requeridas: list[str] = Field(description="Las que su tipo exige.")
    verificaciones_pendientes: list[str] = Field(description="Las que no tienen recibo aprobado.")
    count: Count = Field(description="Cuántos recibos hay.")
    verificaciones: list[CheckReceipt] = Field(description="Los recibos, del más antiguo.")
    despliegues: list[DeploymentReceipt] = Field(description="Los despliegues de este intento.")


def evidence_document(order: tables.Order, receipts: Receipts) -> dict[str, Any]:
    """Return the answer of GET /checks: what is proven, what is missing, each receipt."""
    evidence = receipts.evidence
    return OrderEvidence.of(
        order,
        commit=evidence.commit,
        revisado=evidence.proves(Claim.REVIEWED),
        desplegado=evidence.proves(Claim.DEPLOYED),
        hitos_pendientes=list(evidence.missing_milestones),
        verificaciones_requeridas=list(evidence.required),
        verificaciones_pendientes=list(evidence.missing_checks),
        count=len(receipts.checks),
        verificaciones=[check_document(one) for one in receipts.checks],
        despliegues=[DeploymentReceipt.of(one) for one in receipts.deployments],
    )


def check_document(receipt: tables.OrderCheck) -> dict[str, Any]:
    """Return one receipt as answers show it; the output's end stays in the database."""
    return CheckReceipt.of(receipt, duracion_segundos=round(receipt.duration_seconds, 3))
