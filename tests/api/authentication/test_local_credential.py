"""This machine's administrator at the API: an administrator, recorded as `local:<user>`."""

import httpx2

from axon_factory.accounts.local_access import LocalAccess, grant_local_access
from axon_factory.bootstrap.application import application_of
from tests.support.workshop import Workshop, example_order


async def test_the_local_administrator_acts_and_is_on_record(workshop: Workshop) -> None:
    folder = workshop.container.data_dir
    with grant_local_access(folder, str(workshop.http.base_url)):
        found = LocalAccess(folder).newest()
        assert found is not None
        local = {"Authorization": f"Bearer {found.token}"}
        me = await workshop.http.get("/api/auth/me", headers=local)
        assert me.json()["id"] == f"local:{found.user}"
        assert me.json()["permiso"] == "admin"
        made = await workshop.http.post("/api/orders", json=example_order(), headers=local)
        assert made.status_code == 201
        query = {"cadena": made.json()["id"]}
        entries = await workshop.http.get("/api/audit", params=query, headers=local)
        (entry,) = entries.json()["entries"]
        assert (entry["actor"], entry["accion"]) == (f"local:{found.user}", "orders:create")
        for path in ("/api/auth/logout", "/api/auth/password"):
            body = {"password_actual": "una", "password_nueva": "otra"} if "pass" in path else None
            answer = await workshop.http.post(path, json=body, headers=local)
            assert answer.status_code == 403, "it has neither password nor sessions"
        sessions = await workshop.http.get("/api/auth/sessions", headers=local)
        assert sessions.status_code == 403
        far = httpx2.ASGITransport(application_of(workshop.container), client=("203.0.113.7", 4711))
        async with httpx2.AsyncClient(transport=far, base_url="http://127.0.0.1") as elsewhere:
            answer = await elsewhere.get("/api/auth/me", headers=local)
            assert answer.status_code == 401, "it serves on this machine only"
    over = await workshop.http.get("/api/auth/me", headers=local)
    assert over.status_code == 401
