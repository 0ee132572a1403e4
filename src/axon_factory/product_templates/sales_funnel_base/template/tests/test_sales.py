import re
from datetime import UTC, datetime

import pytest

from app.appointments import all_slots
from app.modules import landing
from app.product import Product
from app.security import Throttle

NOW = datetime(2025, 11, 14, 18, 0, tzinfo=UTC)  # a Friday
KEY = {"X-API-Key": "clave-de-prueba"}
HOSTILE = "{{7*7}} <script>alert(1)</script> \"'"
LEAD = {"nombre": "Ana", "email": "Ana@Example.com", "telefono": "+52", "mensaje": HOSTILE}


@pytest.fixture(autouse=True)
def fresh_throttle(monkeypatch):
    monkeypatch.setattr(landing, "_throttle", Throttle(each=10, total=300))


def leads(client):
    return client.get("/api/interesados", headers=KEY).json()["interesados"]


def slots(client):
    return re.findall(r'<option value="(\d[^"]+)"', client.get("/").text)


def test_the_landing_page_of_this_client_takes_leads(start):
    client = start()
    assert client.get("/").status_code == 200
    assert client.post("/contacto", data=LEAD).status_code == 200
    assert [lead["email"] for lead in leads(client)] == ["ana@example.com"]


def test_the_catalogue_is_shown_as_text(start):
    client = start({"productos": [HOSTILE], "mensaje_principal": HOSTILE}, name=HOSTILE)
    text = client.get("/").text
    assert "<script>" not in text
    assert text.count("{{7*7}}") >= 3


def test_a_lead_is_kept_once_an_address(start):
    client = start({})
    client.post("/contacto", data=LEAD)
    client.post("/contacto", data=LEAD | {"email": "ana@example.com", "nombre": "Ana B"})
    (lead,) = leads(client)
    assert (lead["nombre"], lead["etapa"]) == ("Ana B", "nuevo")


@pytest.mark.parametrize(
    "fault", [{"nombre": " "}, {"email": "x"}, {"email": "a@b"}, {"email": "a@b.c\r\nBcc: x@y.z"}]
)
def test_what_is_no_lead_is_refused(start, fault):
    client = start({})
    assert client.post("/contacto", data=LEAD | fault).status_code == 400
    assert leads(client) == []


def test_programs_that_fill_in_everything_are_not_kept(start):
    client = start({})
    assert client.post("/contacto", data=LEAD | {"sitio_web": "x"}).status_code == 200
    assert leads(client) == []


def test_an_appointment_is_taken_once(start):
    client = start({"zona_horaria": "America/Mexico_City"})
    first = slots(client)[0]
    assert first == "2025-11-17T15:00Z"
    assert client.post("/contacto", data=LEAD | {"cita": first}).status_code == 200
    assert first not in slots(client)
    other = LEAD | {"email": "b@example.com", "cita": first}
    assert client.post("/contacto", data=other).status_code == 409
    assert client.post("/contacto", data=other | {"cita": "1999-01-01T00:00Z"}).status_code == 409
    assert {lead["cita"] for lead in leads(client)} == {first, None}


@pytest.mark.parametrize(
    ("value", "count"),
    [(None, 60), (HOSTILE, 60), ({"desde": "17:00", "hasta": "9:00"}, 0),
     ({"desde": "9:00", "hasta": "10:00", "duracion_minutos": 60}, 10), ({"desde": "99:99"}, 60)],
)  # fmt: skip
def test_slots_follow_the_configuration(value, count):
    configuration = {"citas": value, "zona_horaria": "../etc/passwd"}
    assert len(all_slots(Product("p", configuration=configuration), NOW)) == count


def test_too_many_forms_wait(start):
    client = start({})
    answers = [client.post("/contacto", data=LEAD).status_code for _ in range(11)]
    assert answers == [200] * 10 + [429]


def test_the_pipeline_moves_in_the_panel(start, login):
    client = login(start({}))
    client.post("/contacto", data=LEAD)
    text = client.get("/admin").text
    assert "<script>" not in text
    csrf = text.split('name="csrf" value="')[1].split('"')[0]
    path = "/admin/interesados/1/etapa"
    assert client.post(path, data={"csrf": "x", "etapa": "ganado"}).status_code == 403
    assert client.post(path, data={"csrf": csrf, "etapa": HOSTILE}).status_code == 409
    assert client.post(path, data={"csrf": csrf, "etapa": "ganado"}).status_code == 303
    assert leads(client)[0]["etapa"] == "ganado"


def test_leads_need_the_key(start):
    assert start({}).get("/api/interesados").status_code == 401
