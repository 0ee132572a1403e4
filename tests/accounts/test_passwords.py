import asyncio
import threading
import unicodedata

import pytest
from argon2 import PasswordHasher

from axon_factory.accounts.errors import PasswordQueueFull
from axon_factory.accounts.passwords import Passwords, generate_password
from axon_factory.domain.errors import ValidationFailed


async def test_only_the_password_itself_verifies(passwords: Passwords) -> None:
    kept = await passwords.hash("una contraseña")

    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert await passwords.verify(kept, "una contraseña")
    assert not await passwords.verify(kept, "una contraseñA")
    assert not await passwords.verify(kept, "")
    assert await passwords.hash("una contraseña") != kept


async def test_either_encoding_of_a_letter_is_the_same_password(passwords: Passwords) -> None:
    kept = await passwords.hash(unicodedata.normalize("NFC", "contraseña"))

    assert await passwords.verify(kept, unicodedata.normalize("NFD", "contraseña"))


@pytest.mark.parametrize("text", ["", "x" * 10_000, "\ud800", "\0", "ñ" * 200])
async def test_any_text_can_be_verified_against_nobody(passwords: Passwords, text: str) -> None:
    assert not await passwords.verify(None, text)


@pytest.mark.parametrize(("length", "accepted"), [(7, False), (8, True), (128, True), (129, False)])
async def test_length_of_a_new_password(passwords: Passwords, length: int, accepted: bool) -> None:
    if accepted:
        assert await passwords.hash("x" * length)
    else:
        with pytest.raises(ValidationFailed) as refusal:
            await passwords.hash("x" * length)
        assert refusal.value.details.keys() == {"password"}


async def test_a_hash_of_another_cost_is_to_be_made_again(passwords: Passwords) -> None:
    assert passwords.needs_rehash(PasswordHasher(time_cost=1, memory_cost=1024).hash("x"))
    assert not passwords.needs_rehash(await passwords.hash("x" * 8))


async def test_what_cannot_wait_is_refused_and_the_queue_recovers() -> None:
    passwords = Passwords(threads=1, queue_limit=2)
    gate = threading.Event()
    # White-box: work of a length that the test decides, where a hash would be.
    running = asyncio.create_task(passwords._run(gate.wait))
    logins = [asyncio.create_task(passwords.verify(None, "x")) for _ in range(10)]
    await asyncio.sleep(0)  # all have entered
    gate.set()
    outcomes = await asyncio.gather(*logins, return_exceptions=True)

    assert await running
    assert outcomes.count(False) == 2
    assert sum(isinstance(outcome, PasswordQueueFull) for outcome in outcomes) == 8
    assert PasswordQueueFull.status == 503
    assert not await passwords.verify(None, "x")
    passwords.close()


async def test_a_cancelled_login_leaves_the_queue_and_not_its_thread() -> None:
    passwords = Passwords(threads=1, queue_limit=1)
    gate = threading.Event()
    running = asyncio.create_task(passwords._run(gate.wait))  # white-box, as above
    waiting = asyncio.create_task(passwords.verify(None, "x"))
    await asyncio.sleep(0)  # both have entered
    for task in (waiting, running):
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    # The first still holds its thread: one place is left, not two.
    logins = [asyncio.create_task(passwords.verify(None, "x")) for _ in range(2)]
    await asyncio.sleep(0)
    gate.set()
    outcomes = await asyncio.gather(*logins, return_exceptions=True)

    assert [type(outcome) for outcome in outcomes] == [bool, PasswordQueueFull]
    passwords.close()


async def test_the_event_loop_goes_on_while_passwords_are_hashed(passwords: Passwords) -> None:
    hashing = asyncio.gather(*(passwords.verify(None, "x") for _ in range(4)))
    turns = 0
    while not hashing.done():
        await asyncio.sleep(0)
        turns += 1

    assert turns > 50


def test_generated_passwords_are_long_legible_and_different() -> None:
    made = {generate_password() for _ in range(1000)}

    assert len(made) == 1000
    assert {len(password) for password in made} == {24}
    assert not set("".join(made)) & set("0O1lI")
