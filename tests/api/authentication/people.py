"""Administrators and others of a factory under test, by their headers."""

from collections.abc import Mapping
from typing import Any

import httpx2

__all__ = ["PASSWORD", "People"]

PASSWORD = "correcto caballo"


class People:
    """Logs users in and asks in their name."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self.http = http

    async def log_in(self, email: str, password: str = PASSWORD) -> httpx2.Response:
        return await self.http.post("/api/auth/login", json={"email": email, "password": password})

    async def headers(self, email: str, password: str = PASSWORD) -> Mapping[str, str]:
        answer = await self.log_in(email, password)
        assert answer.status_code == 200, answer.text
        return {"Authorization": f"Bearer {answer.json()['access_token']}"}

    async def ask(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: object = None,
        status: int = 200,
    ) -> Any:  # noqa: ANN401 — any JSON value
        answer = await self.http.request(method, path, json=body, headers=headers)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def is_in(self, headers: Mapping[str, str]) -> bool:
        return (await self.http.get("/api/auth/me", headers=headers)).status_code == 200
