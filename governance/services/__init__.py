"""Writes of governance. Each runs inside the caller's tenancy block and writes its audit event in the same transaction.

`actor=None` is the system: commands and scheduled work. Everybody else must hold a role that may do it.
"""

from ..queries.webhooks import webhook_keys
from .alerts import acknowledge_alert, announce_kill_switches, end_alert, escalate_alerts, raise_alert
from .approvals import UnableToApprove, approve, refuse, request_approval, use_approval
from .audit_trail import audit, audit_each
from .authorities import record_authority, record_client_instruction, revoke_authority, sign_authority, warn_of_expiring_authorities
from .documents import DocumentFile, UnableToStore, download_document, has_document, store_document
from .firms import add_member, create_firm, create_user, remove_member, rename_person
from .killswitch import UnableToMoveSwitch, confirm_flatten, confirm_flattening, confirm_rearm, request_rearm, trip_kill_switch
from .mandates import MandateRuleSpec, record_mandate
from .parties import record_gate, record_gates, record_party
from .permission import NotPermitted, refuse_oneself, require_role
from .resting import resting
from .restrictions import lift_restriction, restrict
from .sealing import seal_audit
from .settings import UnableToSet, change_firm_settings
from .signing_in import record_signing, reset_second_factor
from .tokens import accept_token, issue_token, revoke_token
from .webhooks import accept_webhook_key, create_webhook_key, revoke_webhook_key, rotate_webhook_key, take_message

__all__ = [
    "DocumentFile",
    "MandateRuleSpec",
    "NotPermitted",
    "UnableToApprove",
    "UnableToMoveSwitch",
    "UnableToSet",
    "UnableToStore",
    "accept_token",
    "accept_webhook_key",
    "acknowledge_alert",
    "add_member",
    "announce_kill_switches",
    "approve",
    "audit",
    "audit_each",
    "change_firm_settings",
    "confirm_flatten",
    "confirm_flattening",
    "confirm_rearm",
    "create_firm",
    "create_user",
    "create_webhook_key",
    "download_document",
    "end_alert",
    "escalate_alerts",
    "has_document",
    "issue_token",
    "lift_restriction",
    "raise_alert",
    "record_authority",
    "record_client_instruction",
    "record_gate",
    "record_gates",
    "record_mandate",
    "record_party",
    "record_signing",
    "refuse",
    "refuse_oneself",
    "remove_member",
    "rename_person",
    "request_approval",
    "request_rearm",
    "require_role",
    "reset_second_factor",
    "resting",
    "restrict",
    "revoke_authority",
    "revoke_token",
    "revoke_webhook_key",
    "rotate_webhook_key",
    "seal_audit",
    "sign_authority",
    "store_document",
    "take_message",
    "trip_kill_switch",
    "use_approval",
    "warn_of_expiring_authorities",
    "webhook_keys",
]
