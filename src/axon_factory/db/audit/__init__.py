"""The audit trail in the database: append, read, verify (ADR 17)."""

from axon_factory.db.audit.append import append_audit
from axon_factory.db.audit.read import AuditQuery, audit_document, list_audit
from axon_factory.db.audit.verify import Checkpoint, Verification, cut, verify_audit

__all__ = [
    "AuditQuery",
    "Checkpoint",
    "Verification",
    "append_audit",
    "audit_document",
    "cut",
    "list_audit",
    "verify_audit",
]
