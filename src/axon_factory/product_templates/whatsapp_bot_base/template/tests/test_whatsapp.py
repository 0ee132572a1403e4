from datetime import UTC, datetime
from itertools import count
from xml.parsers import expat

import pytest

from app.catalog import configured_items
from app.product import load_product
from app.whatsapp.twilio import MAX_ANSWER, signature, twiml

URL = "https://bot.example.com/webhooks/whatsapp"
HOSTILE = "{{7*7}} <script>alert(1)</script> & $business %s \"'; --"
SHOP = {"productos": ["camisetas", "pantalones", "luces", "té verde", "té"], "idioma": "es"}
KEY = {"X-API-Key": "clave-de-prueba"}
identifiers = count(1)


def post(client, body="hola", *, token="12345", sid=None, sender="whatsapp:+52155", query=""):
    sid = sid or f"SM{next(identifiers)}"
    fields = {"MessageSid": sid, "From": sender, "To": "whatsapp:+52156", "Body": body}
    signed = signature(URL + query, fields.items(), token)
    return client.post(
        f"/webhooks/whatsapp{query}", data=fields, headers={"X-Twilio-Signature": signed}
    )


def read_twiml(document):
    """Return the text of the answer's message; a document that is not well-formed raises."""
    tags, text = [], []
    parser = expat.ParserCreate()
    parser.StartElementHandler = lambda name, _attributes: tags.append(name)
    parser.CharacterDataHandler = text.append
    parser.Parse(document, True)
    assert tags in (["Response"], ["Response", "Message"])
    return "".join(text)


def ask(client, body, **options):
    answer = post(client, body, **options)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("application/xml")
    return read_twiml(answer.content)


def orders(client):
    return client.get("/api/pedidos", headers=KEY).json()["pedidos"]


def test_the_vector_that_twilio_publishes():
    fields = {
        "CallSid": "CA1234567890ABCDE",
        "Caller": "+14158675309",
        "Digits": "1234",
        "From": "+14158675309",
        "To": "+18005551212",
    }
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    assert signature(url, fields.items(), "12345") == "RSOYDt4T1cUTdK1PDd93/VVr8B8="


@pytest.mark.parametrize("header", [None, "", "AAAA", "ñ".encode()])
def test_an_unsigned_message_is_refused(start, header):
    headers = {} if header is None else {"X-Twilio-Signature": header}
    client = start()
    answer = client.post(
        "/webhooks/whatsapp", data={"MessageSid": "SM", "From": "x"}, headers=headers
    )
    assert answer.status_code == 403
    assert orders(client) == []


def test_a_message_signed_with_another_token_is_refused(start):
    assert post(start(), token="54321").status_code == 403


def test_without_the_secret_even_a_right_signature_is_refused(start):
    client = start(WEBHOOK_SECRET="")
    assert post(client, token="").status_code == 403
    assert "whatsapp" in client.get("/health").json()["integrations_pending"]


def test_the_query_is_part_of_what_is_signed(start):
    client = start()
    assert post(client, query="?a=1&b=%20x").status_code == 200
    assert "whatsapp" in client.get("/health").json()["integrations_configured"]


def test_every_product_of_this_client_is_known_to_the_bot(start):
    client = start()
    for item in configured_items(load_product())[:20]:
        assert item.name in ask(client, f"¿Tienen {item.name}?"), item.name


def test_this_client_can_be_talked_to(start):
    client = start()
    for body in ("hola", "catálogo", "horario", "¿tienen zyxwv?", HOSTILE, "", "sí", "🙂", "\x00"):
        assert ask(client, body), body


@pytest.mark.parametrize(
    ("body", "product"),
    [
        ("¿tienen camisetas?", "camisetas"),
        ("tienes CAMISETA", "camisetas"),
        ("busco un pantalón", "pantalones"),
        ("hay alguna luz?", "luces"),
        ("cuánto cuesta el te verde", "té verde"),
    ],
)
def test_products_are_found_without_accents_and_in_singular_or_plural(start, body, product):
    answer = ask(start(SHOP), body)
    assert f"tenemos {product}" in answer


def test_an_unknown_product_gets_the_catalogue(start):
    answer = ask(start(SHOP), "¿tienen paraguas?")
    assert "no está en nuestro catálogo" in answer
    assert all(name in answer for name in SHOP["productos"])


def test_an_order_is_proposed_confirmed_and_kept(start):
    shop = {"productos": [{"nombre": "camisetas", "precio": 10}, {"nombre": "té", "precio": "2.5"}]}
    client = start(shop)
    assert "2 × camisetas y 3 × té" in (answer := ask(client, "Quiero 2 camisetas y tres tés"))
    assert "27.50" in answer
    assert orders(client) == []
    assert "n.º 1" in ask(client, "Sí")
    (order,) = orders(client)
    assert [(li["producto"], li["cantidad"]) for li in order["lineas"]] == [
        ("camisetas", 2),
        ("té", 3),
    ]
    assert order["total"] == "27.5" or order["total"] == "27.50"
    assert "ningún pedido" in ask(client, "sí")
    assert len(orders(client)) == 1


def test_an_order_can_be_dropped_and_cancelled_by_its_owner_only(start):
    client = start(SHOP)
    ask(client, "quiero 2 camisetas")
    assert "no anoté" in ask(client, "no")
    assert orders(client) == []
    ask(client, "quiero 2 camisetas")
    ask(client, "confirmo")
    assert "No puedo" in ask(client, "cancelar pedido 1", sender="whatsapp:+1")
    assert "cancelado" in ask(client, "cancelar pedido 1")
    assert orders(client)[0]["estado"] == "cancelado"
    assert "cancelado" in ask(client, "mis pedidos")


def test_a_number_alone_orders_what_was_asked_for(start):
    client = start(SHOP)
    ask(client, "¿tienen pantalones?")
    assert "4 × pantalones" in ask(client, "quiero 4")


@pytest.mark.parametrize("amount", ["0", "1000", "999999"])
def test_impossible_quantities_are_asked_again(start, amount):
    client = start(SHOP)
    assert "1 a 999" in ask(client, f"quiero {amount} camisetas")
    assert "ningún pedido" in ask(client, "sí")


def test_a_repeated_message_has_one_effect_and_one_answer(start):
    client = start(SHOP)
    ask(client, "quiero 2 camisetas")
    first = ask(client, "sí", sid="SMsame")
    assert ask(client, "sí", sid="SMsame") == first
    assert len(orders(client)) == 1


@pytest.mark.parametrize(
    ("hours", "country", "hour", "is_open"),
    [
        ("9:00-20:00", "México", 18, True),
        ("9:00-20:00", "México", 4, False),
        ("9:00-20:00", "", 4, False),
        ("20:00-2:00", "", 1, True),
        ("20:00-2:00", "", 12, False),
        ("9 a 18", "España", 16, True),
    ],
)
def test_outside_opening_hours_it_says_so_and_answers(start, hours, country, hour, is_open):
    now = datetime(2025, 11, 14, hour, 0, tzinfo=UTC)
    client = start(SHOP | {"horario_atencion": hours}, now=now, client={"pais": country})
    answer = ask(client, "¿tienen camisetas?")
    assert ("fuera de horario" not in answer) == is_open
    assert "tenemos camisetas" in answer
    assert "fuera de horario" not in ask(client, "¿tienen luces?")


@pytest.mark.parametrize("hours", ["", "siempre", "25:00-30:00", "9:00-9:00", 9, None, HOSTILE])
def test_hours_that_say_nothing_never_close(start, hours):
    client = start({"horario_atencion": hours, "zona_horaria": "../etc/passwd"})
    assert "a toda hora" in ask(client, "¿cuál es su horario?")


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("es", "Buen día"),
        ("en", "Good day"),
        ("EN-us", "Good day"),
        ("fr", "Buen día"),
        (7, "Buen"),
    ],
)
def test_language(start, language, expected):
    assert expected in ask(start({"idioma": language}), "hola")


@pytest.mark.parametrize(
    ("tone", "expected"),
    [
        ("formal", "Buen día"),
        ("amigable", "👋"),
        ("profesional y amigable", "¡Hola! Le"),
        ([], "Buen"),
    ],
)
def test_tone(start, tone, expected):
    assert expected in ask(start({"personalidad_bot": tone}), "buenas tardes")


def test_without_a_catalogue_it_still_answers(start):
    client = start({"productos": []}, name="Tienda")
    assert "Tienda" in ask(client, "quiero 2 camisetas")


def test_hostile_values_come_back_as_text(start):
    client = start({"productos": [HOSTILE, "<>", "$"]}, name=HOSTILE, client={"nombre": HOSTILE})
    answer = post(client, "catálogo")
    assert b"<script>" not in answer.content
    assert HOSTILE in ask(client, "catálogo")
    assert HOSTILE in ask(client, "hola")
    assert HOSTILE in ask(client, f"quiero 2 {HOSTILE}")
    ask(client, "sí")
    assert orders(client)[0]["lineas"][0]["producto"] == HOSTILE


def test_a_message_without_its_fields_is_a_client_error(start):
    client = start()
    signed = signature(URL, [("Body", "hola")], "12345")
    answer = client.post(
        "/webhooks/whatsapp", data={"Body": "hola"}, headers={"X-Twilio-Signature": signed}
    )
    assert answer.status_code == 400


@pytest.mark.parametrize("text", ["a" * 5000, "<&>" * 900, "\x00\x08\ud800"])
def test_every_answer_is_well_formed_and_fits(text):
    assert len(read_twiml(twiml(text))) <= MAX_ANSWER
