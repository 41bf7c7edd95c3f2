"""What figures are made of besides a firm's own rows: prices and rates, in a form in which a move is seen.

Entry points: `Sources`, `touched_by`, `sources_now`, `moved_accounts`; `real_accounts` of marked ones. Inside the caller's tenancy block.
Invariants: 1. sources are read before the figures that are made of them: what moves in between is seen the next time, never missed.
2. `moved_accounts` names every account that a move can change, and maybe some more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from accounts.queries.columns import fetch_row, fetch_rows
from accounts.queries.valuation import prices_of, rates_between
from market import queries as market

REPORTING = "*"  # stands for the reporting currency in the name of a rate


@dataclass(frozen=True, slots=True)
class Touched:
    """What accounts may need: prices of instruments, rates of currencies into `bases`, (currency, paper)."""

    instruments: frozenset[int] = frozenset()
    currencies: frozenset[str] = frozenset()
    bases: frozenset[tuple[str, bool]] = frozenset()

    def __or__(self, other: Touched) -> Touched:
        return Touched(self.instruments | other.instruments, self.currencies | other.currencies, self.bases | other.bases)


@dataclass(frozen=True, slots=True)
class Sources:
    """prices: instrument → digest of its price and where that is from. rates: "EUR>USD|0" → the rate as it is used."""

    prices: dict[int, int] = field(default_factory=dict)
    rates: dict[str, str] = field(default_factory=dict)

    def moved_prices(self, before: Sources) -> list[int]:
        """Return the instruments whose price is another now."""
        return [one for one, digest in self.prices.items() if before.prices.get(one, digest) != digest]

    def moved_rates(self, before: Sources) -> list[str]:
        """Return the names of the rates that are others now."""
        return [name for name, rate in self.rates.items() if before.rates.get(name, rate) != rate]


_WHICH = "(%(ids)s::uuid[] IS NULL OR {} = ANY(%(ids)s::uuid[]))"
_TOUCHED = f"""
SELECT (SELECT array_agg(DISTINCT instrument_id) FROM accounts_position WHERE (quantity <> 0 OR last_traded_on >= %(since)s)
        AND {_WHICH.format("account_id")}),
    (SELECT array_agg(DISTINCT currency) FROM (SELECT currency FROM accounts_cashbalance WHERE {_WHICH.format("account_id")}
        UNION ALL SELECT cash_currency FROM accounts_reservation WHERE released_at IS NULL AND {_WHICH.format("account_id")}) c),
    (SELECT array_agg(DISTINCT a.base_currency || '|' || c.is_paper::int) FROM accounts_account a
        JOIN accounts_brokerconnection c ON c.id = a.connection_id WHERE NOT a.is_clearing AND {_WHICH.format("a.id")})
"""


def touched_by(*, account_ids: Sequence[UUID] | None, since: date) -> Touched:
    """Return what these accounts (None: all) may need to be valued. since: what was sold off before that day needs no price."""
    row = fetch_row(_TOUCHED, {"ids": None if account_ids is None else list(account_ids), "since": since})
    return Touched(frozenset(row[0] or ()), frozenset(row[1] or ()), frozenset((base[:-2], base.endswith("1")) for base in row[2] or ()))


def sources_now(*, touched: Touched, currency: str, now: datetime) -> Sources:
    """Return the prices and rates at `now`. currency: the reporting currency."""
    prices = prices_of(instrument_ids=sorted(touched.instruments), now=now)
    digests = {
        one: _digest(f"{prices.worth[at]}|{prices.currencies[int(prices.currency[at])]}|{prices.sources.get(one, '')}")
        for at, one in enumerate(prices.ids.tolist())
    }
    found = rates_between(currencies=sorted({*touched.currencies, *prices.currencies}), into=sorted(touched.bases), now=now).rate
    names = [(name, *base) for name in sorted({*touched.currencies, *prices.currencies}) for base in sorted(touched.bases)]
    rates = {f"{name}>{to}|{int(paper)}": str(found.get((name, to, paper), "")) for name, to, paper in names if name != to}
    bases = sorted({base for base, _ in touched.bases if base != currency})
    into = market.fx_ratios(currencies=bases, to=currency, now=now, max_age=market.FIXING_MAX_AGE)
    rates |= {f"{base}>{REPORTING}": f"{into.num[i]}/{into.den[i]}|{into.labels[i]}|{into.as_of[i]}" for i, base in enumerate(bases)}
    return Sources(digests, rates)


def _digest(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), signed=True)


_HOLDERS = "SELECT DISTINCT account_id FROM accounts_position WHERE instrument_id = ANY(%(instruments)s)"
_SPEAKERS = """
WITH moved AS (SELECT * FROM unnest(%(names)s::text[], %(bases)s::text[]) AS m (name, base))
SELECT id FROM accounts_account WHERE base_currency = ANY(%(reported)s)
UNION SELECT a.id FROM moved m JOIN accounts_account a ON a.base_currency = m.base
    JOIN accounts_cashbalance c ON c.account_id = a.id AND c.currency = m.name
UNION SELECT a.id FROM moved m JOIN accounts_account a ON a.base_currency = m.base
    JOIN accounts_reservation r ON r.account_id = a.id AND r.cash_currency = m.name AND r.released_at IS NULL
UNION SELECT a.id FROM moved m JOIN accounts_account a ON a.base_currency = m.base
    JOIN accounts_position p ON p.account_id = a.id JOIN market_instrument i ON i.id = p.instrument_id AND i.currency = m.name
"""


def moved_accounts(*, prices: Sequence[int], rates: Iterable[str]) -> set[UUID]:
    """Return the accounts that hold, or held, one of these instruments, or value something by one of these rates."""
    found: set[UUID] = set()
    if prices:
        found |= {row[0] for row in fetch_rows(_HOLDERS, {"instruments": list(prices)})}
    pairs = [name.partition("|")[0].split(">") for name in rates]
    if pairs:
        crossed = [(name, base) for name, base in pairs if base != REPORTING]
        parameters: dict[str, Any] = {
            "names": [name for name, _ in crossed],
            "bases": [base for _, base in crossed],
            "reported": [name for name, base in pairs if base == REPORTING],
        }
        found |= {row[0] for row in fetch_rows(_SPEAKERS, parameters)}
    return found


_REAL = """
SELECT a.id, f.id IS NULL AND a.opened_on <= %(today)s AND (a.closed_on IS NULL OR a.closed_on > %(today)s)
FROM accounts_account a LEFT JOIN reporting_accountfigures f ON f.account_id = a.id
WHERE a.id = ANY(%(ids)s::uuid[]) AND NOT a.is_clearing
"""


def real_accounts(*, account_ids: Iterable[UUID], today: date) -> tuple[list[UUID], bool]:
    """Return these accounts without clearing accounts, and whether one of them has no figures yet that should have."""
    rows = fetch_rows(_REAL, {"ids": list(account_ids), "today": today})
    return [row[0] for row in rows], any(row[1] for row in rows)
