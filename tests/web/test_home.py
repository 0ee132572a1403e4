from tests.support.workshop import Workshop


async def test_the_first_page_says_where_to_go_and_loads_nothing_from_elsewhere(
    workshop: Workshop,
) -> None:
    answer = await workshop.http.get("/")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    for link in ("/openapi.json", "/api/products/types", "/health"):
        assert f'href="{link}"' in answer.text
        assert (await workshop.http.get(link)).status_code == 200
    assert "http://" not in answer.text
    assert "https://" not in answer.text
