"""The API: who may ask what, and how it is answered."""

from pydantic import BaseModel, ConfigDict


def _load_fastapi() -> None:
    """Load FastAPI, and leave out what would validate OpenAPI documents until one is made.

    Its forty models of a document take a twentieth of a start. They have no setting for that, so
    their base class has it while they are defined.
    """
    usual = BaseModel.model_config
    BaseModel.model_config = ConfigDict(defer_build=True)
    try:
        import fastapi  # noqa: F401, PLC0415  # pyright: ignore[reportUnusedImport] — it is loaded here first
    finally:
        BaseModel.model_config = usual


_load_fastapi()
