"""The Maildir mailer: well-formed messages, no injection, one delivery a key, crash-safe."""

import asyncio
import mailbox
import signal
import subprocess
import sys
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axon_factory.adapters.mailer import MaildirMailer, compose, message_name
from axon_factory.domain.failure import FailureCause
from axon_factory.ports.errors import PortError
from axon_factory.ports.messages import Mail

SENDER = "Axon Factory <fabrica@axon.example>"
MAIL = Mail(
    to="ana@cliente.example",
    subject="Tu autopilot está listo — ñandú",
    text="Hola:\n\nEntra en http://127.0.0.1:8000/portal/abc\n",
    html="<p>Hola: <a href='http://127.0.0.1:8000/portal/abc'>entra</a></p>",
)


def read_all(root: Path) -> list[EmailMessage]:
    files = [*(root / "new").iterdir(), *(root / "cur").iterdir()]
    return [BytesParser(policy=default).parsebytes(file.read_bytes()) for file in files]


async def test_what_is_sent_can_be_read(tmp_path: Path) -> None:
    await MaildirMailer(tmp_path / "mail", SENDER).send(MAIL, idempotency_key="k1")

    (message,) = read_all(tmp_path / "mail")
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    assert text is not None
    assert html is not None
    assert message.get_content_type() == "multipart/alternative"
    assert (message["From"], message["To"], message["Subject"]) == (SENDER, MAIL.to, MAIL.subject)
    assert text.get_content() == MAIL.text
    assert MAIL.html is not None
    assert html.get_content().strip() == MAIL.html
    assert message["Date"].datetime.tzinfo is not None
    # The standard library's reader is an independent judge of the folder's layout.
    assert len(mailbox.Maildir(tmp_path / "mail", create=False)) == 1


async def test_only_the_owner_may_read_the_mail(tmp_path: Path) -> None:
    await MaildirMailer(tmp_path / "mail", SENDER).send(MAIL, idempotency_key="k1")
    (file,) = (tmp_path / "mail" / "new").iterdir()
    assert file.stat().st_mode & 0o077 == 0
    assert (tmp_path / "mail" / "new").stat().st_mode & 0o077 == 0


async def test_one_delivery_a_key(tmp_path: Path) -> None:
    mailer = MaildirMailer(tmp_path, SENDER)
    await mailer.send(MAIL, idempotency_key="k1")
    await mailer.send(MAIL, idempotency_key="k1")
    await mailer.send(MAIL, idempotency_key="k2")
    assert len({message["Message-ID"] for message in read_all(tmp_path)}) == 2
    assert len(read_all(tmp_path)) == 2


@pytest.mark.parametrize("flags", ["", ":2,", ":2,S", ":2,FRS"])
async def test_a_message_that_was_read_is_not_delivered_again(tmp_path: Path, flags: str) -> None:
    mailer = MaildirMailer(tmp_path, SENDER)
    await mailer.send(MAIL, idempotency_key="k1")
    (file,) = (tmp_path / "new").iterdir()
    file.rename(tmp_path / "cur" / (file.name + flags))
    await mailer.send(MAIL, idempotency_key="k1")
    assert len(read_all(tmp_path)) == 1


async def test_simultaneous_sends_with_one_key_deliver_one(tmp_path: Path) -> None:
    mailers = [MaildirMailer(tmp_path, SENDER) for _ in range(12)]
    await asyncio.gather(*(mailer.send(MAIL, idempotency_key="k1") for mailer in mailers))
    assert len(read_all(tmp_path)) == 1
    assert list((tmp_path / "tmp").iterdir()) == []


async def test_the_message_id_depends_on_the_key_alone() -> None:
    other = Mail(to="otra@cliente.example", subject="Otro", text="Otro")
    first = compose(MAIL, sender=SENDER, idempotency_key="k1")["Message-ID"]
    assert first == compose(other, sender=SENDER, idempotency_key="k1")["Message-ID"]
    assert first != compose(MAIL, sender=SENDER, idempotency_key="k2")["Message-ID"]
    assert first.endswith("@axon.example>")


BREAKS = ["\r\n", "\n", "\r", "\x00", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029", "\ud800"]


@pytest.mark.parametrize("field", ["to", "subject", "sender"])
@pytest.mark.parametrize("line_break", BREAKS, ids=ascii)
async def test_headers_cannot_be_injected(tmp_path: Path, field: str, line_break: str) -> None:
    values = {"to": "ana@cliente.example", "subject": "Hola", "sender": SENDER}
    values[field] += f"{line_break}Bcc: espia@otro.example"
    mail = Mail(to=values["to"], subject=values["subject"], text="x")
    with pytest.raises(PortError) as caught:
        await MaildirMailer(tmp_path / "mail", values["sender"]).send(mail, idempotency_key="k")
    assert caught.value.cause is FailureCause.ENTREGA_FALLIDA
    assert not caught.value.transient
    assert not (tmp_path / "mail").exists()


@pytest.mark.parametrize(
    "address",
    [
        "",
        " ",
        "ana",
        "ana@",
        "@cliente.example",
        "ana@cliente.example, espia@otro.example",
        "ana@cliente.example espia@otro.example",
        "ana@cliente.example>",
        "<ana@cliente.example",
        "grupo: ana@cliente.example, espia@otro.example;",
        "ana@cliente.example; espia@otro.example",
        "ana@@cliente.example",
    ],
)
async def test_a_recipient_is_exactly_one_address(tmp_path: Path, address: str) -> None:
    mail = Mail(to=address, subject="Hola", text="x")
    with pytest.raises(PortError):
        await MaildirMailer(tmp_path / "mail", SENDER).send(mail, idempotency_key="k")


@given(to=st.text(max_size=40), subject=st.text(max_size=1200), text=st.text(max_size=1200))
def test_any_text_is_delivered_intact_or_refused(to: str, subject: str, text: str) -> None:
    mail = Mail(to=to, subject=subject, text=text)
    for address in (to, "ana@cliente.example"):
        try:
            message = compose(
                Mail(to=address, subject=subject, text=mail.text),
                sender=SENDER,
                idempotency_key="k",
            )
        except PortError:
            continue
        parsed = BytesParser(policy=default).parsebytes(message.as_bytes())
        assert sorted(parsed.keys()) == sorted(message.keys())
        assert len(parsed["To"].addresses) == 1
        assert parsed["Subject"].split() == subject.split()


async def test_an_unwritable_folder_is_a_transient_failure(tmp_path: Path) -> None:
    (tmp_path / "mail").write_text("a file where the folder should be", encoding="utf-8")
    with pytest.raises(PortError) as caught:
        await MaildirMailer(tmp_path / "mail", SENDER).send(MAIL, idempotency_key="k")
    assert caught.value.transient
    assert caught.value.cause is FailureCause.ENTREGA_FALLIDA


KILLED_AT_AN_OPERATION = """
import asyncio, os, signal, sys
from pathlib import Path
from axon_factory.adapters.mailer import MaildirMailer
from axon_factory.ports.messages import Mail

root, kill_at, seen = sys.argv[1], int(sys.argv[2]), 0

def count(event, arguments):
    global seen
    if event in {"open", "os.mkdir", "os.rename", "os.listdir", "os.scandir", "fcntl.flock"}:
        if not any(root in str(a) for a in arguments) and event != "fcntl.flock":
            return
        seen += 1
        if seen == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(count)
mailer = MaildirMailer(Path(root), "fabrica@axon.example")
asyncio.run(mailer.send(Mail("ana@cliente.example", "Hola", "Hola"), idempotency_key="k"))
"""


async def test_killed_at_any_file_operation_and_repeated_delivers_exactly_one(
    tmp_path: Path,
) -> None:
    left_in_tmp = 0
    for kill_at in range(1, 40):
        root = tmp_path / str(kill_at)
        command = [sys.executable, "-c", KILLED_AT_AN_OPERATION, str(root), str(kill_at)]
        killed = await asyncio.to_thread(subprocess.run, command, check=False)
        left_in_tmp += (root / "tmp").is_dir() and any((root / "tmp").iterdir())
        mailer = MaildirMailer(root, "fabrica@axon.example")
        await mailer.send(Mail("ana@cliente.example", "Hola", "Hola"), idempotency_key="k")
        (message,) = read_all(root)
        assert message["To"] == "ana@cliente.example"
        assert message.get_content().strip() == "Hola"
        assert list((root / "tmp").iterdir()) == []
        if killed.returncode == 0:
            break
        assert killed.returncode == -signal.SIGKILL
    else:
        pytest.fail("the delivery never ran to its end")
    assert kill_at > 5
    assert left_in_tmp > 0, "no kill fell between tmp/ and new/"


async def test_forgotten_mail_is_gone_wherever_it_was_moved(tmp_path: Path) -> None:
    root = tmp_path / "mail"
    mailer = MaildirMailer(root, SENDER)
    for key in ("k1", "k2", "k3"):
        await mailer.send(MAIL, idempotency_key=key)
    seen = root / "new" / message_name("k1")
    seen.rename(root / "cur" / f"{seen.name}:2,S")
    for _ in range(2):
        await mailer.forget(["k1", "k2", "never sent"])
    assert [path.name for path in root.rglob("*") if path.is_file()] == [message_name("k3")]
    await MaildirMailer(tmp_path / "none", SENDER).forget(["k1"])
