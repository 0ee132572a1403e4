"""Which passwords may be chosen (NIST SP 800-63B §3.1.1.2, OWASP ASVS 6.2).

Length and how hard it is to guess count, not which kinds of characters it has. zxcvbn knows the
30,000 most common passwords, names, keyboard patterns, dates, and what it is told of the user.
"""

import re
from collections.abc import Sequence

from zxcvbn import zxcvbn

from axon_factory.accounts.errors import WeakPassword
from axon_factory.domain.permissions import Role
from axon_factory.domain.text import Sentence

PASSWORD_MIN_CHARACTERS = 8
PASSWORD_MAX_CHARACTERS = 128

_STAFF_MIN_CHARACTERS = 15
_STAFF = frozenset({Role.ADMIN, Role.OPERATOR})
_LEAST_SCORE = 3  # of 4: more than 10^8 guesses
# zxcvbn's time grows with the square of the length; a longer password cannot be easier to guess.
_LOOKED_AT = 40
_OURS = ("axon", "axon88", "factory", "fabrica", "autopilot", "contraseña", "changeme")
_WORD = re.compile(r"\w{3,}")


def check_length(password: str, role: Role | None = None, *, field: str = "password") -> None:
    """Refuse a password that is too short or too long.

    8 to 128 characters; 15 at least for the roles that see every client's orders.

    Raises:
        WeakPassword: naming `field`.
    """
    least = _STAFF_MIN_CHARACTERS if role in _STAFF else PASSWORD_MIN_CHARACTERS
    if not least <= len(password) <= PASSWORD_MAX_CHARACTERS:
        raise WeakPassword(
            field,
            Sentence(
                f"Debe tener de {least} a {PASSWORD_MAX_CHARACTERS} caracteres",
                f"Must have {least} to {PASSWORD_MAX_CHARACTERS} characters",
            ),
        )


def check_strength(
    password: str, role: Role, about: Sequence[str], *, field: str = "password"
) -> None:
    """Refuse a password that is too short, too long or too easy to guess; takes milliseconds.

    `about` is what an attacker knows of the user: address, name, client.

    Raises:
        WeakPassword: naming `field`.
    """
    check_length(password, role, field=field)
    words = [word for text in about for word in (text, *_WORD.findall(text))]
    if zxcvbn(password[:_LOOKED_AT], user_inputs=[*_OURS, *words])["score"] < _LEAST_SCORE:
        raise WeakPassword(
            field,
            Sentence(
                "Es fácil de adivinar: usa varias palabras que no tengan que ver contigo",
                "It is easy to guess: use several words that have nothing to do with you",
            ),
        )
