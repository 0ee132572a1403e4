"""The links to an order's portal: there from the placement on, listed, issued anew, revoked."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from sqlalchemy import text

from axon_factory.bootstrap.options import policy_of
from axon_factory.domain.states import OrderState
from axon_factory.orders.portal_links import PortalLinks
from axon_factory.settings import SettingsInvalid, load_settings
from tests.support.copies import order_in
from tests.support.workshop import Workshop


class Links:
    """Short words for the links of one order."""

    def __init__(self, workshop: Workshop, order_id: UUID) -> None:
        self.workshop = workshop
        self.path = f"/api/orders/{order_id}/portal-links"
        self.order_id = order_id

    async def send(self, method: str, suffix: str = "", by: str = "operator", **more: Any) -> Any:  # noqa: ANN401 — an answer
        headers = self.workshop.headers[by]
        return await self.workshop.http.request(method, self.path + suffix, headers=headers, **more)

    async def listed(self) -> list[dict[str, Any]]:
        answer = await self.send("GET")
        assert answer.status_code == 200, answer.text
        return answer.json()["enlaces"]

    async def opens(self, url: str) -> int:
        return (await self.workshop.http.get(urlsplit(url).path)).status_code

    async def sql(self, statement: str, **parameters: Any) -> None:  # noqa: ANN401 — columns
        async with self.workshop.container.database.transaction("test") as session:
            await session.execute(text(statement), {"id": self.order_id, **parameters})

    async def mails(self) -> list[Any]:
        query = text(
            "SELECT event, body FROM outbox_messages "
            "WHERE order_id = :id AND event LIKE 'cliente.%' ORDER BY created_at"
        )
        async with self.workshop.container.database.reading() as session:
            return list((await session.execute(query, {"id": self.order_id})).all())


@pytest.fixture
async def links(workshop: Workshop) -> Links:
    return Links(workshop, await workshop.place())


async def test_a_link_exists_from_the_placement_on_and_is_mailed(links: Links) -> None:
    (link,) = await links.listed()
    assert (link["numero"], link["estado"], link["motivo"]) == (1, "vigente", "alta")
    age = datetime.fromisoformat(link["vence_at"]) - datetime.fromisoformat(link["created_at"])
    assert age == timedelta(days=365)
    assert await links.opens(link["url"]) == 200
    (mail,) = await links.mails()
    assert mail.event == "cliente.recibida"
    assert link["url"] in mail.body


async def test_another_link_ends_the_one_before(links: Links) -> None:
    (old,) = await links.listed()
    answer = await links.send("POST", json={"enviar": True})
    assert answer.status_code == 201, answer.text
    new = answer.json()
    assert (new["numero"], new["estado"], new["motivo"]) == (2, "vigente", "persona")
    assert [await links.opens(old["url"]), await links.opens(new["url"])] == [410, 200]
    ended, kept = await links.listed()
    assert (ended["estado"], ended["url"]) == ("revocado", None)
    assert kept["url"] == new["url"]
    assert [mail.event for mail in await links.mails()] == ["cliente.recibida", "cliente.enlace"]
    quiet = await links.send("POST", json={"enviar": False})
    assert quiet.json()["numero"] == 3
    assert len(await links.mails()) == 2
    bare = await links.send("POST")
    assert bare.json()["numero"] == 4
    assert len(await links.mails()) == 3


async def test_a_revoked_link_opens_and_answers_nothing(workshop: Workshop) -> None:
    order_id = await order_in(workshop, OrderState.CONSTRUCCION)
    links = Links(workshop, order_id)
    asked = await workshop.http.post(
        f"/api/orders/{order_id}/preguntas",
        json={"pregunta": "¿Idioma?", "destinatario": "cliente"},
        headers=workshop.headers["admin"],
    )
    assert asked.status_code == 201, asked.text
    (link,) = await links.listed()
    path = urlsplit(str(link["url"])).path
    for _ in range(2):
        revoked = await links.send("DELETE", "/1")
        assert (revoked.status_code, revoked.json()["estado"]) == (200, "revocado")
    page = await workshop.http.get(path)
    assert page.status_code == 410
    assert "Bot de pruebas" not in page.text
    answer = await workshop.http.post(f"{path}/preguntas/1", data={"respuesta": "Español"})
    assert answer.status_code == 410
    assert (await workshop.order(order_id)).espera == "cliente"
    assert (await links.send("DELETE", "/7")).status_code == 404


async def test_after_a_revocation_mails_have_no_link_until_a_person_issues_one(
    workshop: Workshop,
) -> None:
    links = Links(workshop, await workshop.place())
    await links.send("DELETE", "/1")
    await workshop.patch(links.order_id, estado="cancelado")
    failed = (await links.mails())[-1]
    assert failed.event == "cliente.cancelada"
    assert "/portal/" not in failed.body


async def test_the_result_names_the_link_that_serves(workshop: Workshop) -> None:
    order_id = await order_in(workshop, OrderState.LISTO)
    links, urls = Links(workshop, order_id), list[Any]()

    async def named() -> Any:  # noqa: ANN401 — a text or nothing
        answer = await workshop.http.get(
            f"/api/orders/{order_id}/result", headers=workshop.headers["owner"]
        )
        return answer.json()["resultado"]["portal_url"]

    urls.append(await named())
    await links.send("POST", json={"enviar": False})
    urls.append(await named())
    await links.send("DELETE", "/2")
    known = workshop.container.portal_links
    assert [*urls, await named()] == [known.url(order_id, 1), known.url(order_id, 2), None]


async def test_a_link_expires_and_the_next_mail_has_another(links: Links) -> None:
    (old,) = await links.listed()
    await links.sql(
        "UPDATE portal_links SET issued_at = now() - interval '2 days', "
        "expires_at = now() - interval '1 day' WHERE order_id = :id"
    )
    assert await links.opens(old["url"]) == 410
    assert (await links.listed())[0]["estado"] == "vencido"
    await links.workshop.patch(links.order_id, estado="fallido")
    expired, new = await links.listed()
    assert (expired["estado"], new["motivo"]) == ("vencido", "vencido")
    assert new["url"] in (await links.mails())[-1].body
    assert await links.opens(new["url"]) == 200


async def test_only_staff_that_may_act_sees_links(links: Links) -> None:
    for caller, status in {
        "admin": 200,
        "operator": 200,
        "key_admin": 200,
        "owner": 403,
        "key_lectura": 403,
        "key_escritura": 403,
        "permanent": 403,
    }.items():
        assert (await links.send("GET", by=caller)).status_code == status, caller


async def test_acts_on_links_are_audited_and_on_record(links: Links) -> None:
    await links.send("POST")
    await links.send("DELETE", "/2")
    logs = (await links.workshop.show(links.order_id))["logs"]
    assert [entry["metadata"]["enlace"] for entry in logs if "portal" in entry["mensaje"]] == [2, 2]
    seen = (await links.workshop.show(links.order_id, "owner"))["logs"]
    assert not [entry for entry in seen if "nlace" in entry["mensaje"]]
    trail = await links.workshop.http.get(
        "/api/audit",
        params={"cadena": str(links.order_id)},
        headers=links.workshop.headers["admin"],
    )
    actions = [entry["accion"] for entry in trail.json()["entries"]]
    assert actions.count("orders:portal_links") == 2


async def test_staff_see_which_mails_went(links: Links) -> None:
    await links.send("POST")
    path = links.path.replace("portal-links", "client-mails")
    for caller, status in {"operator": 200, "key_lectura": 200, "owner": 403}.items():
        answer = await links.workshop.http.get(path, headers=links.workshop.headers[caller])
        assert answer.status_code == status
        assert "/portal/" not in answer.text
        if status == 200:
            found = answer.json()["correos"]
            assert [(mail["correo"], mail["estado"]) for mail in found] == [
                ("recibida", "pendiente"),
                ("enlace", "pendiente"),
            ]


def test_links_of_a_number_are_unlike_those_of_another() -> None:
    links, order_id = PortalLinks(b"k" * 32, "https://x.example"), UUID(int=7)
    tokens = [links.url(order_id, number).rpartition("/")[2] for number in (1, 2, 2**31 - 1)]
    assert [links.read(token) for token in tokens] == [
        (order_id, 1),
        (order_id, 2),
        (order_id, 2**31 - 1),
    ]
    for token in tokens:
        for index in range(len(token) - 1):
            other = "B" if token[index] == "A" else "A"
            assert links.read(token[:index] + other + token[index + 1 :]) is None


@pytest.mark.parametrize(
    ("value", "age"), [(None, timedelta(days=365)), ("30", timedelta(days=30)), ("0", None)]
)
def test_a_setting_gives_links_an_age(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, value: str | None, age: timedelta | None
) -> None:
    if value is not None:
        monkeypatch.setenv("AXON_PORTAL_LINK_DAYS", value)
    policy = policy_of(load_settings(data_dir=tmp_path), PortalLinks(b"k" * 32, "https://x"))
    assert policy.portal_link_age == age


@pytest.mark.parametrize("wrong", ["-1", "", "3651", "un año", "1.5"])
def test_another_age_is_refused(monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    monkeypatch.setenv("AXON_PORTAL_LINK_DAYS", wrong)
    with pytest.raises(SettingsInvalid, match="AXON_PORTAL_LINK_DAYS"):
        load_settings()
