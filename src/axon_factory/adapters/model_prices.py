"""What tokens cost by the public price lists: for every adapter that pays for a model."""

from decimal import Decimal

from genai_prices import Usage, calc_price

_MICRODOLLAR = Decimal("0.000001")


def list_price(
    model: str,
    *,
    input_tokens: int,
    output_tokens: int,
    provider: str | None = None,
    url: str | None = None,
) -> Decimal | None:
    """Return the price in US dollars; None where no list has the model.

    `provider` is a name of the lists ("openai"), `url` the address that was asked. With neither,
    the first provider that has a model of that name counts.
    """
    usage = Usage(input_tokens=input_tokens, output_tokens=output_tokens)
    try:
        if url is not None:
            price = calc_price(usage, model, provider_api_url=url)
        else:
            price = calc_price(usage, model, provider_id=provider)
    except LookupError:
        return None
    return price.total_price.quantize(_MICRODOLLAR)
