"""Reads of governance. Each runs inside the caller's tenancy block and sees that firm only."""

from .alerts import AlertFacts, alert_places, open_alerts
from .approvals import ApprovalFacts, approval, approvals_given, latest_approval, pending_approvals, was_approved
from .audit_chain import ChainReport, unsealed_count, verify_chain
from .audit_trail import AuditFacts, trail_of_journey, trail_of_subject
from .authority import AuthorityVerdict, authority_verdict
from .authority_documents import accounts_losing_authority, accounts_with_ended_authority, ending_authorities, ending_authorities_seen
from .credentials import OwnKey, TokenFacts, WebhookKeyFacts, api_tokens, member_with_email, own_keys, signing_keys
from .killswitch import kill_index, kill_switch_parent_sql, kill_switch_sql, tripped_switches
from .mandates import MandateLimits, mandate_limits
from .people import (
    FirmFacts,
    FirmName,
    active_roles,
    actor_for,
    awake_firm_ids,
    firm_ids,
    firm_settings,
    firms_of,
    member_sql,
    person_with_email,
)
from .restrictions import restriction_state
from .sessions import SignedIn, roles_of_many, signed_in
from .webhooks import webhook_keys, webhook_user

__all__ = [
    "AlertFacts",
    "ApprovalFacts",
    "AuditFacts",
    "AuthorityVerdict",
    "ChainReport",
    "FirmFacts",
    "FirmName",
    "MandateLimits",
    "OwnKey",
    "SignedIn",
    "TokenFacts",
    "WebhookKeyFacts",
    "accounts_losing_authority",
    "accounts_with_ended_authority",
    "active_roles",
    "actor_for",
    "alert_places",
    "api_tokens",
    "approval",
    "approvals_given",
    "authority_verdict",
    "awake_firm_ids",
    "ending_authorities",
    "ending_authorities_seen",
    "firm_ids",
    "firm_settings",
    "firms_of",
    "kill_index",
    "kill_switch_parent_sql",
    "kill_switch_sql",
    "latest_approval",
    "mandate_limits",
    "member_sql",
    "member_with_email",
    "open_alerts",
    "own_keys",
    "pending_approvals",
    "person_with_email",
    "restriction_state",
    "roles_of_many",
    "signed_in",
    "signing_keys",
    "trail_of_journey",
    "trail_of_subject",
    "tripped_switches",
    "unsealed_count",
    "verify_chain",
    "was_approved",
    "webhook_keys",
    "webhook_user",
]
