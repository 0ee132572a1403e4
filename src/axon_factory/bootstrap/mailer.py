"""How mail leaves."""

from pathlib import Path

from axon_factory.adapters.mailer import MaildirMailer, SmtpMailer, SmtpServer
from axon_factory.ports.messages import Mailer
from axon_factory.settings import Settings

__all__ = ["mailer_of"]


def mailer_of(settings: Settings, maildir: Path) -> Mailer:
    """Return the mailer of the line; `maildir` keeps mail while there is no mail server."""
    if settings.smtp_host is None:
        return MaildirMailer(maildir, settings.mail_sender)
    password = settings.smtp_password
    server = SmtpServer(
        settings.smtp_host,
        settings.smtp_port,
        settings.smtp_security,
        settings.smtp_user,
        password.get_secret_value() if password else None,
    )
    return SmtpMailer(server, settings.mail_sender)
