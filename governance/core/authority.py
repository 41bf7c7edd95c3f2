"""Authorities: the recorded right of a manager to trade an account of somebody else (GOV-1..3).

Entry points: `Authority` (one document as a value), `standing` (what it is worth at an instant), `powers_needed` (what an order asks for),
`expiry_warnings` (60/30/7 days), `newly_ended` (whose working orders must be cancelled). Many accounts at once: `authority_check`.

Invariants
1. A power that is not recorded, or that the kind of document cannot give, is not given; withdrawals are never implied.
2. A document that is unsigned, without a hash, or not yet in force is no authority (AUTH_NONE).
3. One document must carry every power an order needs: powers of two documents are not added up.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from types import MappingProxyType

from governance.enums import AlertTier, AuthorityFinding, AuthorityKind, Power
from market.enums import InstrumentKind

TRADING_POWERS = frozenset({Power.TRADE, Power.MARGIN, Power.SHORT, Power.OPTIONS, Power.FUTURES, Power.FX, Power.CRYPTO})
KIND_MAY_GIVE: Mapping[AuthorityKind, frozenset[Power]] = MappingProxyType(
    {
        AuthorityKind.LPA: TRADING_POWERS,
        AuthorityKind.POA: TRADING_POWERS | {Power.TRANSFER, Power.WITHDRAW},
        AuthorityKind.IMA: TRADING_POWERS | {Power.ADVISE, Power.DEDUCT_FEES},
    }
)
INSTRUMENT_POWERS: Mapping[str, frozenset[Power]] = MappingProxyType(
    {
        **dict.fromkeys([InstrumentKind.EQUITY, InstrumentKind.ETF, InstrumentKind.BOND], frozenset[Power]()),
        **dict.fromkeys([InstrumentKind.FUTURE, InstrumentKind.CFD], frozenset({Power.FUTURES})),
        InstrumentKind.OPTION: frozenset({Power.OPTIONS}),
        InstrumentKind.FX: frozenset({Power.FX}),
        InstrumentKind.CRYPTO_SPOT: frozenset({Power.CRYPTO}),
    }
)
WARNING_DAYS = (60, 30, 7)
_WARNING_TIERS = {60: AlertTier.INFO, 30: AlertTier.WARNING, 7: AlertTier.WARNING, 0: AlertTier.CRITICAL}


@dataclass(frozen=True, slots=True)
class InstrumentScope:
    """What an authority covers.

    Empty kinds or allow = no narrowing; deny always wins. Symbols are the names the mandate and the market data share.
    """

    kinds: frozenset[str] = frozenset()
    allow: frozenset[str] = frozenset()
    deny: frozenset[str] = frozenset()

    def covers(self, kind: str, symbols: Iterable[str]) -> bool:
        """Tell whether an instrument, given by its own symbol and those of its underlyings, lies inside.

        >>> InstrumentScope(deny=frozenset({"XYZ"})).covers("OPTION", ["XYZ 260116C50", "XYZ"])
        False
        """
        names = frozenset(symbols)
        if names & self.deny or (self.kinds and kind not in self.kinds):
            return False
        return not self.allow or bool(names & self.allow)


@dataclass(frozen=True, slots=True)
class Signature:
    """Who signed the document, and when."""

    party: str
    signed_at: datetime


@dataclass(frozen=True, slots=True)
class Authority:
    """One recorded document (GOV-1).

    max_order_notional: largest opening order an account may be given under it, in `limit_currency`. expires_at: first instant it no longer
    holds; None = until revoked. required_signers: parties whose signatures make it valid.
    clauses: text by key; the keys are the values of Power, and "instruments", "limits", "term".
    """

    authority_id: str
    kind: AuthorityKind
    account_ids: frozenset[str]
    powers: frozenset[Power]
    effective_from: datetime
    document_sha256: str
    required_signers: frozenset[str]
    signatures: tuple[Signature, ...]
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    scope: InstrumentScope = InstrumentScope()
    max_order_notional: Decimal | None = None
    limit_currency: str = ""
    fee_schedule_id: str = ""
    mandate_id: str = ""
    aggregation_consent: bool = False
    clauses: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        instants = [self.effective_from, self.expires_at, self.revoked_at, *(signature.signed_at for signature in self.signatures)]
        if any(instant is not None and instant.tzinfo is None for instant in instants):
            raise ValueError(f"authority {self.authority_id} has an instant without a time zone")
        if self.expires_at is not None and self.expires_at <= self.effective_from:
            raise ValueError(f"authority {self.authority_id} ends before it begins")
        if self.max_order_notional is not None and not (
            self.max_order_notional.is_finite() and self.max_order_notional >= 0 and self.limit_currency
        ):
            raise ValueError(f"authority {self.authority_id} needs a finite limit ≥ 0 with its currency")

    @property
    def granted(self) -> frozenset[Power]:
        """The recorded powers that this kind of document can give at all (invariant 1)."""
        return self.powers & KIND_MAY_GIVE[self.kind]

    @property
    def ended_at(self) -> datetime | None:
        """The instant it ended or will end: revocation or expiry, whichever is first."""
        return min((instant for instant in (self.expires_at, self.revoked_at) if instant is not None), default=None)

    @property
    def begins_at(self) -> datetime | None:
        """The first instant it holds: signed by all and in force. None = never, for lack of a document or a signature."""
        if not self.document_sha256 or not self.required_signers:
            return None
        first: dict[str, datetime] = {}
        for signature in self.signatures:
            first[signature.party] = min(signature.signed_at, first.get(signature.party, signature.signed_at))
        if self.required_signers - first.keys():
            return None
        return max(self.effective_from, *(first[party] for party in self.required_signers))

    def clause(self, key: str) -> str:
        """Return the clause text recorded under `key`, or an empty string."""
        return self.clauses.get(key, "")


@dataclass(frozen=True, slots=True)
class ClientInstruction:
    """A recorded instruction of the client to close (GOV-3). symbol None = every position of the account."""

    instruction_id: str
    account_id: Hashable
    received_at: datetime
    valid_until: datetime
    document_sha256: str
    symbol: str | None = None

    def permits_closing(self, account_id: Hashable, symbols: Iterable[str], now: datetime) -> bool:
        """Tell whether it is on file, still valid, and about this account and instrument."""
        named = self.symbol is None or self.symbol in symbols
        return named and self.account_id == account_id and bool(self.document_sha256) and self.received_at <= now < self.valid_until


def standing(authority: Authority, now: datetime) -> tuple[AuthorityFinding | None, str]:
    """Return what an authority is worth at `now`, before any order is looked at (GOV-2): (None, "") while it holds, else finding and
    reason.

    A signature dated after `now` does not count yet. Revocation and expiry hold from their instant on.
    """
    if not authority.document_sha256:
        return AuthorityFinding.AUTH_NONE, "no document is on file"
    missing = authority.required_signers - {signature.party for signature in authority.signatures if signature.signed_at <= now}
    if missing or not authority.required_signers:
        return AuthorityFinding.AUTH_NONE, f"not signed by {', '.join(sorted(missing)) or 'anyone'}"
    if now < authority.effective_from:
        return AuthorityFinding.AUTH_NONE, f"not in force before {_day(authority.effective_from)}"
    ended = authority.ended_at
    if ended is None or now < ended:
        return None, ""
    if ended == authority.revoked_at:
        return AuthorityFinding.AUTH_REVOKED, f"revoked {_day(ended)}"
    return AuthorityFinding.AUTH_EXPIRED, f"expired {_day(ended)}"


def powers_needed(instrument_kind: str, *, opens: bool, short: bool = False, margin: bool = False) -> frozenset[Power]:
    """Return the powers an order needs. Closing needs TRADE and the instrument's own power; opening also SHORT or MARGIN where used.

    An instrument kind that is not known needs every trading power, so that nothing new slips through (CON-5).

    >>> sorted(powers_needed("OPTION", opens=True, short=True))
    [<Power.OPTIONS: 'OPTIONS'>, <Power.SHORT: 'SHORT'>, <Power.TRADE: 'TRADE'>]
    """
    powers = {Power.TRADE} | INSTRUMENT_POWERS.get(instrument_kind, TRADING_POWERS)
    if opens and short:
        powers.add(Power.SHORT)
    if opens and margin:
        powers.add(Power.MARGIN)
    return frozenset(powers)


@dataclass(frozen=True, slots=True)
class ExpiryWarning:
    """An authority that ends soon (or has ended: threshold 0). dedupe_key is the same until the next threshold is crossed."""

    authority_id: str
    account_ids: frozenset[str]
    expires_at: datetime
    days_left: int
    threshold: int
    tier: AlertTier

    @property
    def dedupe_key(self) -> tuple[str, str, str, int]:
        return ("GOV-2", self.authority_id, self.expires_at.isoformat(), self.threshold)


def expiry_warnings(authorities: Iterable[Authority], now: datetime) -> list[ExpiryWarning]:
    """Return one warning per authority within 60, 30 or 7 days of its expiry, the nearest threshold only, soonest first (GOV-2).

    Revoked authorities and those not yet signed are left out: they have nothing to run out of. An expired one is CRITICAL with threshold 0.
    """
    warnings = []
    for authority in authorities:
        if authority.expires_at is None or standing(authority, now)[0] not in (None, AuthorityFinding.AUTH_EXPIRED):
            continue
        left = authority.expires_at - now
        threshold = 0 if left <= timedelta(0) else next((days for days in sorted(WARNING_DAYS) if left <= timedelta(days=days)), None)
        if threshold is not None:
            tier = _WARNING_TIERS[threshold]
            warnings.append(
                ExpiryWarning(authority.authority_id, authority.account_ids, authority.expires_at, max(left.days, 0), threshold, tier)
            )
    return sorted(warnings, key=lambda warning: (warning.expires_at, warning.authority_id))


def newly_ended(authorities: Iterable[Authority], after: datetime, until: datetime) -> dict[str, AuthorityFinding]:
    """Return the accounts that had a live authority at `after` and have none at `until`: their working orders are cancelled (GOV-3)."""
    live_before: set[str] = set()
    live_now: set[str] = set()
    ended: dict[str, tuple[datetime, AuthorityFinding]] = {}
    for authority in authorities:
        was, _ = standing(authority, after)
        finding, _ = standing(authority, until)
        live_before |= authority.account_ids if was is None else frozenset()
        live_now |= authority.account_ids if finding is None else frozenset()
        if was is None and finding is not None and authority.ended_at is not None:
            for account_id in authority.account_ids:
                ended[account_id] = max(ended.get(account_id, (authority.ended_at, finding)), (authority.ended_at, finding))
    return {account_id: ended[account_id][1] for account_id in sorted(live_before - live_now)}


def _day(instant: datetime) -> str:
    return f"{instant.day} {instant:%b %Y}"
