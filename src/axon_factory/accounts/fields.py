"""Normal forms of what people type into accounts."""

from email_validator import EmailNotValidError, validate_email

from axon_factory.domain import names

NAME_MAX_CHARACTERS = 100


def normal_email(text: str) -> str | None:
    """Return the one spelling under which an e-mail address is kept, or None if it is not one.

    Lower case and ASCII (an international domain in its `xn--` form), so that two spellings of an
    address are one account and PostgreSQL's `lower()` agrees under every locale. Asks no DNS.
    """
    try:
        valid = validate_email(text, check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError:
        return None
    return (valid.ascii_email or valid.normalized).lower()


def checked_name(text: str, *, field: str) -> str:
    """Return `text` without the spaces around it.

    Raises:
        ValidationFailed: it is empty, longer than 100 characters, or has control characters.
    """
    return names.checked_name(text, field=field, longest=NAME_MAX_CHARACTERS)
