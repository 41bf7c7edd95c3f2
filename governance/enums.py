"""The words governance uses: roles, powers, findings, states, tiers, audited actions.

Names follow the rules they come from (GOV-1..10, CST-5, RSK-10, ACC-1). Values are stored, so they never change; new ones may be added.
"""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """What a person is in a firm; checked before any object grant (DESIGN §6)."""

    MANAGER = "MANAGER"
    TRADER = "TRADER"
    OPERATIONS = "OPERATIONS"
    RISK = "RISK"
    COMPLIANCE = "COMPLIANCE"
    INVESTOR = "INVESTOR"


class SubjectKind(StrEnum):
    """What governance speaks about, together with an id: it knows no other app's tables."""

    FIRM = "FIRM"
    USER = "USER"
    MEMBERSHIP = "MEMBERSHIP"
    GRANT = "GRANT"
    API_KEY = "API_KEY"
    PARTY = "PARTY"
    ACCOUNT = "ACCOUNT"
    ACCOUNT_GROUP = "ACCOUNT_GROUP"
    STRATEGY = "STRATEGY"
    SIGNAL = "SIGNAL"
    INSTRUMENT = "INSTRUMENT"
    ISSUER = "ISSUER"
    BROKER_CONNECTION = "BROKER_CONNECTION"
    ALLOCATION_STATEMENT = "ALLOCATION_STATEMENT"
    PARENT_ORDER = "PARENT_ORDER"
    CHILD_ORDER = "CHILD_ORDER"
    TRANSFER = "TRANSFER"
    BREAK = "BREAK"
    STATEMENT = "STATEMENT"
    LIMIT = "LIMIT"
    AUTHORITY = "AUTHORITY"
    MANDATE = "MANDATE"
    RESTRICTION = "RESTRICTION"
    APPROVAL = "APPROVAL"
    KILL_SWITCH = "KILL_SWITCH"
    ALERT = "ALERT"


class AuthorityKind(StrEnum):
    """The document an authority rests on (GOV-1)."""

    LPA = "LPA"
    POA = "POA"
    IMA = "IMA"


class Power(StrEnum):
    """What an authority lets the manager do; a power that is not recorded is not given (GOV-1)."""

    TRADE = "TRADE"
    MARGIN = "MARGIN"
    SHORT = "SHORT"
    OPTIONS = "OPTIONS"
    FUTURES = "FUTURES"
    FX = "FX"
    CRYPTO = "CRYPTO"
    ADVISE = "ADVISE"
    DEDUCT_FEES = "DEDUCT_FEES"
    TRANSFER = "TRANSFER"
    WITHDRAW = "WITHDRAW"


class AuthorityFinding(StrEnum):
    """Why an account has no authority for an action (GOV-2); each removes it from the block."""

    AUTH_NONE = "AUTH_NONE"
    AUTH_EXPIRED = "AUTH_EXPIRED"
    AUTH_SCOPE = "AUTH_SCOPE"
    AUTH_REVOKED = "AUTH_REVOKED"


class AccountGate(StrEnum):
    """What must be on file before an account may trade (ACC-1)."""

    CLASSIFIED = "CLASSIFIED"
    OWNER_CONFIRMED = "OWNER_CONFIRMED"
    NO_BORROWING = "NO_BORROWING"
    RESOLUTION = "RESOLUTION"
    SIGNER = "SIGNER"
    AUTHORITY = "AUTHORITY"
    MANDATE = "MANDATE"
    FEE_SCHEDULE = "FEE_SCHEDULE"
    STATEMENT_ADDRESS = "STATEMENT_ADDRESS"
    CONTRACT_COPYING = "CONTRACT_COPYING"
    CONTRACT_HEDGING = "CONTRACT_HEDGING"


class MandateRuleKind(StrEnum):
    """What a clause of a mandate limits (GOV-1, CST-2, CST-3, REB-5). STRESS_MOVE limits nothing: the adverse move a position without a stop is
    measured by (RSK-8b)."""

    POSITION_CAP = "POSITION_CAP"
    ISSUER_CAP = "ISSUER_CAP"
    SECTOR_CAP = "SECTOR_CAP"
    LONG_ONLY = "LONG_ONLY"
    ALLOWED_KINDS = "ALLOWED_KINDS"
    ALLOWED_SECTORS = "ALLOWED_SECTORS"
    EXCLUDED_SECTORS = "EXCLUDED_SECTORS"
    EXCLUDED_ISSUERS = "EXCLUDED_ISSUERS"
    EXCLUDED_INSTRUMENTS = "EXCLUDED_INSTRUMENTS"
    GROSS_LEVERAGE = "GROSS_LEVERAGE"
    NET_LEVERAGE = "NET_LEVERAGE"
    WEIGHT_DEVIATION = "WEIGHT_DEVIATION"
    STRESS_MOVE = "STRESS_MOVE"


class MandateStanding(StrEnum):
    """What a version of a mandate is at a moment. ENDED: no other took its place, so nothing may be opened (CON-5)."""

    IN_FORCE = "IN_FORCE"
    NOT_YET_IN_FORCE = "NOT_YET_IN_FORCE"
    REPLACED = "REPLACED"
    ENDED = "ENDED"


class RestrictionState(StrEnum):
    """What the restricted list lets happen with an issuer, mildest first (CST-5)."""

    NONE = "NONE"
    CLOSE_ONLY = "CLOSE_ONLY"
    FROZEN = "FROZEN"


class KillScope(StrEnum):
    """What a kill switch stops (GOV-10)."""

    ACCOUNT = "ACCOUNT"
    STRATEGY = "STRATEGY"
    INSTRUMENT = "INSTRUMENT"
    BROKER = "BROKER"
    FIRM = "FIRM"


class KillState(StrEnum):
    """Where a kill switch stands: it blocks in every state but ARMED (GOV-10)."""

    ARMED = "ARMED"
    TRIPPED = "TRIPPED"
    REARM_REQUESTED = "REARM_REQUESTED"


class KillAction(StrEnum):
    """What a tripped switch does, in this order (GOV-10)."""

    BLOCK_NEW = "BLOCK_NEW"
    CANCEL_OPEN = "CANCEL_OPEN"
    FLATTEN = "FLATTEN"


class AlertTier(StrEnum):
    """How loud an alert is, quietest first (RSK-10)."""

    INFO = "INFO"
    WARNING = "WARNING"
    CRITICAL = "CRITICAL"


class ApprovalState(StrEnum):
    """Where a four-eyes request stands (GOV-4). EXPIRED is what time makes of REQUESTED or APPROVED."""

    REQUESTED = "REQUESTED"
    APPROVED = "APPROVED"
    REFUSED = "REFUSED"
    USED = "USED"
    EXPIRED = "EXPIRED"


class ApprovalAction(StrEnum):
    """What a second person is asked for. RETIRED is what an earlier version asked for; nobody can ask it, the trail has the word it had."""

    RELEASE_OVER_LIMIT = "RELEASE_OVER_LIMIT"
    WAIVE_BREAK = "WAIVE_BREAK"
    ADJUST_LEDGER = "ADJUST_LEDGER"
    CHANGE_LIMIT = "CHANGE_LIMIT"
    LIFT_RESTRICTION = "LIFT_RESTRICTION"
    REARM_KILL_SWITCH = "REARM_KILL_SWITCH"
    RETIRED = "RETIRED"


class AuditAction(StrEnum):
    """What happened, as the audit trail names it (GOV-7)."""

    SIGNED_IN = "SIGNED_IN"
    SIGN_IN_FAILED = "SIGN_IN_FAILED"
    SIGNED_OUT = "SIGNED_OUT"
    CREATED = "CREATED"
    CHANGED = "CHANGED"
    ENDED = "ENDED"
    VIEWED = "VIEWED"
    EXPORTED = "EXPORTED"
    GRANTED = "GRANTED"
    GRANT_REVOKED = "GRANT_REVOKED"
    CREDENTIAL_ROTATED = "CREDENTIAL_ROTATED"
    SIGNAL_RECEIVED = "SIGNAL_RECEIVED"
    SIGNAL_REFUSED = "SIGNAL_REFUSED"
    PREVIEWED = "PREVIEWED"
    STATEMENT_FROZEN = "STATEMENT_FROZEN"
    RELEASED = "RELEASED"
    DENIED = "DENIED"
    ORDER_SENT = "ORDER_SENT"
    ORDER_UPDATED = "ORDER_UPDATED"
    CANCEL_REQUESTED = "CANCEL_REQUESTED"
    ALLOCATED = "ALLOCATED"
    LEDGER_ADJUSTED = "LEDGER_ADJUSTED"
    RECONCILED = "RECONCILED"
    BREAK_WAIVED = "BREAK_WAIVED"
    AUTHORITY_RECORDED = "AUTHORITY_RECORDED"
    AUTHORITY_REVOKED = "AUTHORITY_REVOKED"
    CLIENT_INSTRUCTION_RECORDED = "CLIENT_INSTRUCTION_RECORDED"
    RESTRICTION_CHANGED = "RESTRICTION_CHANGED"
    KILL_TRIPPED = "KILL_TRIPPED"
    KILL_REARM_REQUESTED = "KILL_REARM_REQUESTED"
    KILL_REARMED = "KILL_REARMED"
    KILL_FLATTEN_CONFIRMED = "KILL_FLATTEN_CONFIRMED"
    APPROVAL_REQUESTED = "APPROVAL_REQUESTED"
    APPROVAL_GIVEN = "APPROVAL_GIVEN"
    APPROVAL_REFUSED = "APPROVAL_REFUSED"
    APPROVAL_USED = "APPROVAL_USED"
    RULE_OVERRIDDEN = "RULE_OVERRIDDEN"
    ALERT_RAISED = "ALERT_RAISED"
    ALERT_ACKNOWLEDGED = "ALERT_ACKNOWLEDGED"
    ALERT_ESCALATED = "ALERT_ESCALATED"
    ALERT_ENDED = "ALERT_ENDED"
    CORRECTED = "CORRECTED"


class AuditFindingKind(StrEnum):
    """What a verification of the audit chain can find (GOV-7, S12)."""

    EDITED = "EDITED"
    DELETED = "DELETED"
    REORDERED = "REORDERED"
    TRUNCATED = "TRUNCATED"
    REWRITTEN = "REWRITTEN"
    FOREIGN = "FOREIGN"
    UNSEALED_TAIL = "UNSEALED_TAIL"
