"""The table: found, sorted and paged by the API; acts on many only after their count was shown."""

from uuid import UUID

import pytest

from axon_factory.domain.states import OrderState
from tests.support.copies import order_in
from tests.support.pages import Browser, signed_in
from tests.support.workshop import Workshop

ADDRESS = "/app/ordenes?vista=tabla"
MANY = "/app/ordenes/varias"
HOSTILE = "<script>alert('1')</script>\"><img src=x onerror=alert(2)>"


async def placed(workshop: Workshop, tag: str, count: int = 2) -> list[tuple[UUID, str]]:
    """Return ids and numbers of new orders with a tag."""
    found: list[tuple[UUID, str]] = []
    for _ in range(count):
        order_id = await workshop.place(tags=[tag])
        found.append((order_id, (await workshop.order(order_id)).order_number))
    return found


def rows_of(browser: Browser) -> int:
    return browser.page.text.count("<tr data-row")


async def test_rows_are_those_of_the_filters(workshop: Workshop) -> None:
    await placed(workshop, "filas")
    admin = await signed_in(workshop)
    await admin.see(f"{ADDRESS}&tag=filas")
    assert rows_of(admin) == 2
    assert "Etiqueta: filas" in admin.words
    await admin.see(f"{ADDRESS}&tag=filas&estado=entregado&desde=2020-01-01&hasta=mal")
    assert "Ninguna orden cumple los filtros" in admin.words
    assert "Desde: 2020-01-01" in admin.words
    assert "Hasta:" not in admin.words


async def test_row_says_whom_it_waits_for(workshop: Workshop) -> None:
    order_id = await order_in(workshop, OrderState.PLANIFICACION)
    number = (await workshop.order(order_id)).order_number
    admin = await signed_in(workshop)
    await admin.see(f"{ADDRESS}&q={number}")
    for said in ("Aprueba el plan v1", "Sin empezar", "2,500 USD"):
        assert said in admin.words


async def test_sorted_by_its_heads(workshop: Workshop) -> None:
    orders = await placed(workshop, "orden")
    await workshop.patch(orders[0][0], prioridad="urgente")
    admin = await signed_in(workshop)
    first, second = (f'title="{number}"' for _, number in orders)
    for sort, expected in (
        ("", (second, first)),
        ("antigua", (first, second)),
        ("prioridad", (first, second)),
    ):
        await admin.see(f"{ADDRESS}&tag=orden&orden={sort}")
        at = [admin.page.text.index(one) for one in expected]
        assert at == sorted(at), sort
    assert 'aria-sort="descending"' in admin.page.text


async def test_pages_follow_one_another(workshop: Workshop) -> None:
    await placed(workshop, "paginas", 52)
    admin = await signed_in(workshop)
    await admin.see(f"{ADDRESS}&tag=paginas")
    assert rows_of(admin) == 50
    _, _, rest = admin.page.text.partition('rel="next"')
    assert rest
    address = admin.page.text.split('rel="next"')[0].rpartition('href="')[2].partition('"')[0]
    await admin.see(address.replace("&amp;", "&"))
    assert rows_of(admin) == 2
    assert 'rel="prev"' in admin.page.text


async def test_count_is_shown_before_anything_is_done(workshop: Workshop) -> None:
    orders = await placed(workshop, "varias")
    failed = await workshop.place(tags=["varias"])
    await workshop.patch(failed, estado="cancelado", motivo="ya no")
    numbers = [*(number for _, number in orders), (await workshop.order(failed)).order_number]
    admin = await signed_in(workshop)
    await admin.see(f"{ADDRESS}&tag=varias")
    await admin.send(MANY, orden_id=numbers, acto="cancel")
    assert "Alcanza a 2 de las 3 elegidas" in admin.words
    assert (await workshop.order(orders[0][0])).estado != OrderState.CANCELADO
    await admin.send(MANY, orden_id=numbers, motivo="Se cerró la tienda")
    assert "Se hizo en 2 de 3" in admin.words
    for order_id, _ in orders:
        assert (await workshop.order(order_id)).estado == OrderState.CANCELADO


async def test_reason_that_is_missing_is_asked_for_at_its_field(workshop: Workshop) -> None:
    orders = await placed(workshop, "motivo", 1)
    admin = await signed_in(workshop)
    await admin.see(f"{ADDRESS}&tag=motivo")
    await admin.send(MANY, orden_id=orders[0][1], acto="cancel")
    await admin.send(MANY, orden_id=orders[0][1], motivo="")
    assert admin.page.status_code == 400
    assert 'aria-invalid="true"' in admin.page.text or "aria-invalid=true" in admin.page.text
    assert (await workshop.order(orders[0][0])).estado != OrderState.CANCELADO


@pytest.mark.parametrize(
    ("act", "fields"),
    [
        ("prioridad", {"prioridad": "urgente"}),
        ("tag", {"agregar": "nueva, otra", "quitar": "acto"}),
    ],
)
async def test_acts_that_change_the_order(
    workshop: Workshop, act: str, fields: dict[str, str]
) -> None:
    order_id, number = (await placed(workshop, "acto", 1))[0]
    admin = await signed_in(workshop)
    await admin.see(f"{ADDRESS}&tag=acto")
    await admin.send(MANY, orden_id=number, acto=act)
    assert admin.page.status_code == 200, admin.page.text
    await admin.send(MANY, orden_id=number, **fields)
    assert "Se hizo en 1 orden" in admin.words
    order = await workshop.order(order_id)
    assert order.prioridad == "urgente" or set(order.tags) == {"nueva", "otra"}


async def test_nothing_chosen_goes_back(workshop: Workshop) -> None:
    await placed(workshop, "nada", 1)
    admin = await signed_in(workshop)
    await admin.see(f"{ADDRESS}&tag=nada")
    await admin.send(MANY, acto="cancel", volver="https://otro.example/")
    assert admin.page.url.path == "/app/ordenes"
    assert "Elige primero alguna orden" in admin.words


async def test_operator_has_no_acts_on_many(workshop: Workshop) -> None:
    await placed(workshop, "operador", 1)
    operator = await signed_in(workshop, "operator")
    await operator.see(f"{ADDRESS}&tag=operador")
    assert rows_of(operator) == 1
    assert MANY not in operator.page.text or 'name="orden_id"' not in operator.page.text


async def test_csv_is_the_export_of_the_same_orders(workshop: Workshop) -> None:
    orders = await placed(workshop, "exporta")
    admin = await signed_in(workshop)
    answer = await admin.http.get("/app/ordenes.csv?tag=exporta")
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert "attachment" in answer.headers["Content-Disposition"]
    assert answer.text.count("\n") == 3
    assert all(number in answer.text for _, number in orders)
    refused = await admin.http.get("/app/ordenes.csv?q=%21")
    assert refused.headers["Content-Type"].startswith("text/html")


async def test_hostile_names_and_english(workshop: Workshop) -> None:
    await workshop.place(
        nombre_producto=HOSTILE, tags=["malo"], datos_cliente={"nombre": HOSTILE, "email": "a@b.mx"}
    )
    admin = await signed_in(workshop, language="en")
    await admin.see(f"{ADDRESS}&tag=malo")
    assert "<script>alert" not in admin.page.text
    for said in ("Waits for", "Promise", "Estimate", "Not begun", "Save view"):
        assert said in admin.words


async def test_clients_are_kept_out(workshop: Workshop) -> None:
    owner = await signed_in(workshop, "owner")
    for path in (ADDRESS,):
        await owner.see(path)
        assert owner.page.status_code == 403
