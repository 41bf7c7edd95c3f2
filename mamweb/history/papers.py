"""The papers of a trial firm: who owns an account, what its mandate says, on what document the manager trades it (GOV-1)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

from accounts.enums import AccountClass
from base.core.ids import digest
from governance import services as governance
from governance.core.authority import Signature
from governance.core.subjects import Actor
from governance.enums import AuthorityKind, MandateRuleKind
from governance.services import MandateRuleSpec

from .northlight import ENDING_SOON
from .plans import AccountPlan, FirmPlan

K, Rule = MandateRuleKind, MandateRuleSpec
_BEGAN = timedelta(days=400)
_SOON, _LATER = 24, 500
_LONG_ONLY = Rule(K.LONG_ONLY, "§2: no short positions")
_SHARES_FALL = Rule(K.STRESS_MOVE, "§7: open risk is measured on a fall of 20%", Decimal("0.2"))
_CURRENCY_FALLS = Rule(K.STRESS_MOVE, "§4: open risk is measured on a fall of 5%", Decimal("0.05"))
_COIN_FALLS = Rule(K.STRESS_MOVE, "§4: open risk is measured on a fall of 40%", Decimal("0.4"))
MANDATES: Mapping[str, tuple[str, tuple[MandateRuleSpec, ...]]] = {
    "BALANCED": (
        "Balanced mandate",
        (_LONG_ONLY, Rule(K.POSITION_CAP, "§3: at most 6.5% in one position", Decimal("0.065")), _SHARES_FALL),
    ),
    "FAMILY": (
        "Family office mandate",
        (_LONG_ONLY, Rule(K.ALLOWED_KINDS, "§2: shares, funds and currencies", words=("EQUITY", "ETF", "FX")), _SHARES_FALL),
    ),
    "PENSION": (
        "Pension mandate",
        (
            _LONG_ONLY,
            Rule(K.POSITION_CAP, "§4: at most 6% in one position", Decimal("0.06")),
            Rule(K.ALLOWED_KINDS, "§3: listed shares and funds only", words=("EQUITY", "ETF")),
            _SHARES_FALL,
        ),
    ),
    "FOUNDATION": (
        "Foundation mandate",
        (_LONG_ONLY, Rule(K.EXCLUDED_SECTORS, "§5: nothing of the energy sector", words=("Energy",)), _SHARES_FALL),
    ),
    "CURRENCY": ("Currency mandate", (_LONG_ONLY, Rule(K.ALLOWED_KINDS, "§2: currencies only", words=("FX",)), _CURRENCY_FALLS)),
    "DIGITAL": ("Digital assets mandate", (_LONG_ONLY, Rule(K.ALLOWED_KINDS, "§2: spot only", words=("CRYPTO_SPOT",)), _COIN_FALLS)),
}


class Papers:
    """Records the documents of one firm, inside its block."""

    def __init__(self, plan: FirmPlan, office: Actor, now: datetime, until: date, users: Mapping[str, int]) -> None:
        self._plan, self._office, self._now, self._until, self._users = plan, office, now, until, users
        self._manager = governance.record_party(code="MANAGER", name=plan.name, is_entity=True, actor=office, now=now)
        self._owners: dict[str, UUID] = {}
        self._mandates: dict[str, UUID] = {}

    def owner(self, p: AccountPlan) -> UUID:
        """Return the party that owns the account, recorded now."""
        self._owners[p.code] = governance.record_party(
            code=f"OWNER-{p.code}",
            name=p.name,
            is_entity=p.account_class not in {AccountClass.PERSONAL, AccountClass.SHELTERED},
            statement_address=f"{p.name}\n{len(self._owners) + 12} Mill Road\nNorthport",
            user_id=self._users.get(p.investor),
            actor=self._office,
            now=self._now,
        )
        return self._owners[p.code]

    def mandate(self, p: AccountPlan) -> UUID | None:
        """Return the account's mandate, recorded once."""
        if not p.mandate:
            return None
        if p.mandate not in self._mandates:
            name, rules = MANDATES[p.mandate]
            self._mandates[p.mandate] = governance.record_mandate(
                code=p.mandate, name=name, rules=rules, valid_from=self._now - _BEGAN, actor=self._office, now=self._now
            )
        return self._mandates[p.mandate]

    def authorities(self, ids: Mapping[str, UUID]) -> None:
        """Record one management agreement for each managed account."""
        began = self._now - _BEGAN
        end = datetime.combine(self._until, time(), UTC)
        for p in self._plan.accounts:
            if p.account_class is not AccountClass.MANAGED:
                continue
            governance.record_authority(
                code=f"IMA-{p.code}",
                kind=AuthorityKind.IMA,
                grantor_id=self._owners[p.code],
                grantee_id=self._manager,
                account_ids=[ids[p.code]],
                powers=p.powers,
                effective_from=began,
                expires_at=end + timedelta(days=_SOON if p.code == ENDING_SOON else _LATER),
                signatures=[Signature("MANAGER", began), Signature(f"OWNER-{p.code}", began)],
                document_sha256=digest(f"investment management agreement {p.code}"),
                fee_schedule="1% a year, charged each quarter",
                mandate_id=self._mandates.get(p.mandate),
                aggregation_consent=True,
                clauses={power.value: f"§{n}: {power.value.lower()}" for n, power in enumerate(p.powers, start=1)},
                actor=self._office,
                now=self._now,
            )
