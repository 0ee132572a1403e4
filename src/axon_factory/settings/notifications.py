"""How people and systems are told: mail server, webhooks."""

from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, NoDecode

from axon_factory.domain.addresses import LOOPBACK
from axon_factory.domain.messages import ClientMail
from axon_factory.settings.values import ALL_MAILS, COMMA_SEPARATED, ClientMails, Host, Network


class NotificationSettings(BaseSettings):
    """Mail and webhooks."""

    smtp_host: Host | None = Field(
        None, description="Mail server; unset: mail is kept in the folder `mail`."
    )
    smtp_port: int = Field(587, ge=1, le=65535, description="Its port.")
    smtp_security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="How the connection to it is protected; `none` only on loopback."
    )
    smtp_user: str | None = Field(None, description="Account at the mail server.")
    smtp_password: SecretStr | None = Field(None, description="Its password.")
    client_mails_off: Annotated[ClientMails, NoDecode, COMMA_SEPARATED] = Field(
        frozenset(),
        description="Kinds of mail that clients do not get, separated by commas: "
        f"{', '.join(ClientMail)}; or `{ALL_MAILS}`.",
    )
    webhook_networks: Annotated[frozenset[Network], NoDecode, COMMA_SEPARATED] = Field(
        frozenset(),
        description="Networks, separated by commas, that webhooks may reach although they are not "
        "public; http and any port are allowed there.",
    )
    key_webhook_networks: Annotated[frozenset[Network], NoDecode, COMMA_SEPARATED] = Field(
        frozenset(),
        description="The same for webhooks that API keys register: a program names the address, so "
        "`AXON_WEBHOOK_NETWORKS` does not count for them.",
    )
    webhook_timeout_seconds: float = Field(
        10.0, ge=1, le=60, description="How long the delivery of one webhook may take."
    )

    @model_validator(mode="after")
    def _check_mail(self) -> Self:
        if (self.smtp_user is None) != (self.smtp_password is None):
            raise ValueError("AXON_SMTP_USER and AXON_SMTP_PASSWORD must be set together")
        if self.smtp_host is None:
            if self.smtp_user is not None:
                raise ValueError("AXON_SMTP_USER needs AXON_SMTP_HOST")
        elif self.smtp_security == "none" and self.smtp_host not in LOOPBACK:
            raise ValueError(
                "AXON_SMTP_SECURITY may be none only if AXON_SMTP_HOST is localhost, 127.0.0.1 or "
                "::1; use starttls (port 587) or tls (port 465)"
            )
        return self
