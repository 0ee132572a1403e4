"""How mail leaves."""

from pathlib import Path

from axon_factory.adapters.mailer.maildir import MaildirMailer
from axon_factory.ports.mailer import Mailer
from axon_factory.settings import Settings

__all__ = ["mailer_of"]


def mailer_of(settings: Settings, maildir: Path) -> Mailer:
    """Return the mailer of the line; `maildir` keeps mail while there is no mail server."""
    return MaildirMailer(maildir, settings.mail_sender)
