"""Firms, people, authority, and the record of what was done.

Invariants: audit events and their seals only grow (I10); a person's role counts only through an active membership; nothing here knows
accounts or orders: subjects are named as (kind, id).
"""

from .audit import AuditEvent, AuditPending, AuditSeal
from .authority import Authority, AuthoritySignature, AuthoritySubject, ClientInstruction, GateRecord
from .control import Alert, Approval, KillSwitch
from .mandates import Mandate, MandateRule, Restriction
from .people import ApiToken, Firm, FirmSettings, Membership, Party, User
from .webhooks import ReceivedMessage, WebhookKey

__all__ = [
    "Alert",
    "ApiToken",
    "Approval",
    "AuditEvent",
    "AuditPending",
    "AuditSeal",
    "Authority",
    "AuthoritySignature",
    "AuthoritySubject",
    "ClientInstruction",
    "Firm",
    "FirmSettings",
    "GateRecord",
    "KillSwitch",
    "Mandate",
    "MandateRule",
    "Membership",
    "Party",
    "ReceivedMessage",
    "Restriction",
    "User",
    "WebhookKey",
]
