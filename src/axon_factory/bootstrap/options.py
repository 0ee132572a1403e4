"""Settings as the options that services take, and the keys derived from the master key."""

import hashlib
import hmac
import os
import secrets
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from axon_factory.accounts.links import LinkLimits
from axon_factory.accounts.passwords import LoginLimits
from axon_factory.accounts.sessions import SessionLimits
from axon_factory.domain.addresses import OutboundRules
from axon_factory.domain.building import BuildLimits
from axon_factory.domain.messages import ClientMail
from axon_factory.orders.policy import AgentRules, ApprovalRules, BudgetRules, Policy
from axon_factory.orders.portal_links import PortalLinks
from axon_factory.settings import Settings

_KEY_BYTES = 32
_MEBIBYTE = 2**20


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one generation, which `key_id` names."""

    key_id: str
    signing: bytes
    pepper: bytes
    encryption: bytes
    portal: bytes

    @classmethod
    def of(cls, master: bytes) -> "Keys":
        """Derive the keys from `master`."""
        signing, pepper, encryption, portal_key = _derive(
            master, ("access-tokens", "api-keys", "credentials", "portal-links")
        )
        key_id = hashlib.sha256(encryption).hexdigest()[:8]
        return cls(key_id, signing, pepper, encryption, portal_key)


def _derive(master: bytes, purposes: Sequence[str]) -> list[bytes]:
    """Return a key for each purpose: HKDF with SHA-256, without salt, of one block (RFC 5869 §2).

    Written out because the library that has it takes 6 MB of each process.
    """
    extracted = hmac.digest(bytes(_KEY_BYTES), master, "sha256")
    return [
        hmac.digest(extracted, f"axon-factory {purpose}\1".encode(), "sha256")
        for purpose in purposes
    ]


def master_key(settings: Settings) -> bytes:
    """Return the configured master key, or the one kept in the data folder, made on first use."""
    if settings.secret_key is not None:
        return settings.secret_key.get_secret_value().encode()
    file = settings.data_dir / "secrets" / "master.key"
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return file.read_bytes()
    with os.fdopen(descriptor, "wb") as target:
        target.write(secrets.token_bytes(_KEY_BYTES))
        target.flush()
        os.fsync(target.fileno())
    return file.read_bytes()


def session_limits(settings: Settings) -> SessionLimits:
    """Return how long logins last."""
    return SessionLimits(
        lifetime=timedelta(days=settings.session_days),
        idle=timedelta(hours=settings.session_idle_hours),
    )


def login_limits(settings: Settings) -> LoginLimits:
    """Return how many logins may fail."""
    return LoginLimits(
        per_account=settings.login_limit_account,
        per_address=settings.login_limit_address,
        altogether=settings.login_limit_global,
        window=timedelta(minutes=settings.login_window_minutes),
    )


def link_limits(settings: Settings) -> LinkLimits:
    """Return how long links to a password serve."""
    return LinkLimits(
        invitation=timedelta(days=settings.invitation_days),
        reset=timedelta(minutes=settings.password_reset_minutes),
    )


def disk_floors(settings: Settings) -> Mapping[Path, int]:
    """Return how many bytes must stay free below each folder that the factory writes to.

    Parts of the data folder are named too: they may be other disks.
    """
    data, floor = settings.data_dir, settings.disk_floor_mb * _MEBIBYTE
    parts = ("products", "repositories", "deployments", "mail", "sessions")
    floors = dict.fromkeys((data, *(data / part for part in parts)), floor)
    floors[Path(tempfile.gettempdir())] = min(floor, settings.check_disk_mb * _MEBIBYTE)
    if settings.database_url is None:
        floors[data / "postgresql"] = settings.disk_floor_database_mb * _MEBIBYTE
    return floors


def policy_of(settings: Settings, portal_links: PortalLinks) -> Policy:
    """Return what the owner has decided about orders."""
    return Policy(
        zone=settings.zone,
        currency=settings.currency,
        tenant=settings.tenant,
        public_url=settings.base_url,
        approver_email=settings.approver_email,
        support_email=settings.support_email,
        portal_url=portal_links.url,
        portal_link_age=(
            timedelta(days=settings.portal_link_days) if settings.portal_link_days else None
        ),
        client_mails=frozenset(ClientMail) - settings.client_mails_off,
        max_reworks=settings.max_reworks,
        budgets=BudgetRules(
            order_tokens=settings.llm_order_budget_tokens,
            day_tokens=settings.llm_day_budget_tokens,
            order_usd=settings.llm_order_budget_usd,
            day_usd=settings.llm_day_budget_usd,
        ),
        approval=_approval_rules(settings),
        agents=AgentRules(
            builder=settings.builder,
            builder_by_type=settings.builder_by_type,
            offered=settings.offered_builders,
            stop_deadline=timedelta(seconds=settings.agent_stop_seconds),
            silent=timedelta(minutes=settings.agent_silent_minutes),
            stuck=timedelta(minutes=settings.agent_stuck_minutes),
        ),
        limits=BuildLimits(
            altogether=settings.max_builds,
            per_client=settings.max_builds_per_client,
            by_type=settings.max_builds_by_type,
        ),
    )


def _approval_rules(settings: Settings) -> ApprovalRules:
    return ApprovalRules(
        auto_types=settings.auto_approve,
        auto_max_price=settings.auto_approve_max_price,
        auto_flagged=settings.auto_approve_flagged,
        own_orders=settings.approval_own_orders,
        reminder=timedelta(hours=settings.approval_reminder_hours),
        escalation=timedelta(hours=settings.approval_escalation_hours),
        escalation_email=settings.escalation_email,
        question_reminder=timedelta(hours=settings.question_reminder_hours),
    )


def outbound_rules(settings: Settings) -> OutboundRules:
    """Return which addresses notifications may go to."""
    return OutboundRules.of(settings.webhook_networks)


def key_outbound_rules(settings: Settings) -> OutboundRules:
    """Return which addresses an API key may give a destination."""
    return OutboundRules.of(settings.key_webhook_networks, setting="AXON_KEY_WEBHOOK_NETWORKS")
