"""What the dashboard's figures are made of besides books and prices: names and groups, the day's start, activity, flags.

Entry points: `AccountFacts`, `facts_of`, `day_starts`, `activity_of`, `blocks_of`, `open_breaks_of`, `unpriced_words`, `last_evening`.
Inside the caller's tenancy block. Invariant: a fixed number of statements, whatever the number of accounts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
import orjson
from numpy.typing import NDArray

from accounts.core.margin import REG_T, MarginTerms
from accounts.queries.columns import DAY, SCALED, Ids, Ints, as_integers, as_uuids, fetch_row, fetch_rows, places, uuid_literal
from accounts.queries.standing import Accounts, Standing
from accounts.queries.valuation import MISSING
from reconciliation.core.margin import MarginRates, rates_on

GROUP_KINDS = ("strategy", "investor", "custodian", "account_class", "currency", "account_group")
FEW = 500  # of more the labels are read whole: a long list misleads the planner into one look for each account
_MARGINED = {"REG_T": REG_T, "LEVERAGED": None}
_NOT_MARGINED = {
    "CASH": "Cash accounts do not borrow",
    "LIMITED_MARGIN": "Sheltered accounts do not borrow",
    "PORTFOLIO_MARGIN": "Portfolio margin is the broker's own figure",
}

_FACTS = """
SELECT a.id, a.code, a.name, a.account_class, a.base_currency, a.connection_id, a.custodian_id, a.leverage_regime, cu.name, coalesce(p.name, '')
FROM accounts_account a JOIN accounts_custodian cu ON cu.id = a.custodian_id LEFT JOIN governance_party p ON p.id = a.owner_id
WHERE a.id = ANY(%(ids)s::uuid[]) ORDER BY a.id
"""
# Each for itself: joined in one statement, a firm the statistics do not know yet is paired row by row.
_STRATEGIES = """
SELECT x.account_id, string_agg(DISTINCT t.name, ' + ' ORDER BY t.name) FROM allocation_strategyaccount x
JOIN allocation_strategy t ON t.id = x.strategy_id
WHERE x.is_active AND t.is_active AND (%(few)s::uuid[] IS NULL OR x.account_id = ANY(%(few)s::uuid[])) GROUP BY 1
"""
_GROUPS = """
SELECT m.account_id, string_agg(DISTINCT q.name, ' + ' ORDER BY q.name) FROM accounts_accountgroupmember m
JOIN accounts_accountgroup q ON q.id = m.group_id
WHERE m.valid_from <= %(today)s AND (m.valid_until IS NULL OR m.valid_until > %(today)s)
    AND (%(few)s::uuid[] IS NULL OR m.account_id = ANY(%(few)s::uuid[])) GROUP BY 1
"""
_CONNECTIONS = "SELECT id, settings FROM accounts_brokerconnection"


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """n accounts by id. labels: kind → n labels. terms: what margin is asked by; margin_reason: why none is, "" where it is.

    loss_limit: n rates of the day's start, None without one (the connection's `loss_limit_rate`).
    """

    codes: list[str]
    names: list[str]
    connections: Ids
    custodians: Ids
    labels: dict[str, list[str]]
    terms: list[MarginTerms | None]
    margin_reason: list[str]
    loss_limit: list[float | None]


def facts_of(*, accounts: Accounts, on: date) -> AccountFacts:
    """Return what the accounts are called and belong to; four statements."""
    ids = uuid_literal(accounts.ids)
    asked = {"ids": ids, "few": ids if len(accounts.ids) <= FEW else None, "today": on}
    strategies, groups = dict(fetch_rows(_STRATEGIES, asked)), dict(fetch_rows(_GROUPS, asked))
    rows = [(*row, strategies.get(row[0], ""), groups.get(row[0], "")) for row in fetch_rows(_FACTS, asked)]
    settings = {row[0]: _settings(row[1]) for row in fetch_rows(_CONNECTIONS, {})}
    labels = dict(zip(GROUP_KINDS, ([row[k][:200] for row in rows] for k in (10, 9, 8, 3, 4, 11)), strict=True))
    margins = [_margin(row[7], settings.get(row[5], {}), on) for row in rows]
    return AccountFacts(
        codes=[row[1] for row in rows],
        names=[row[2] for row in rows],
        connections=_raw(row[5] for row in rows),
        custodians=_raw(row[6] for row in rows),
        labels=labels,
        terms=[terms for terms, _ in margins],
        margin_reason=[reason for _, reason in margins],
        loss_limit=[_rate(settings.get(row[5], {}).get("loss_limit_rate")) for row in rows],
    )


def _raw(ids: Any) -> Ids:
    listed = list(ids)
    known = {one: one.bytes for one in set(listed)}
    return np.frombuffer(b"".join([known[one] for one in listed]), "V16")


def _settings(value: Any) -> dict[str, Any]:
    return orjson.loads(value) if isinstance(value, str | bytes) else value or {}


def _rate(value: Any) -> float | None:
    try:
        return float(value) if value is not None and float(value) > 0 else None
    except (TypeError, ValueError):
        return None


def _margin(regime: str, settings: dict[str, Any], on: date) -> tuple[MarginTerms | None, str]:
    if regime in _NOT_MARGINED:
        return None, _NOT_MARGINED[regime]
    try:
        house = rates_on(settings.get("margin_rates") or [], on)
    except (ValueError, TypeError, AttributeError):
        return None, "The connection's margin rates cannot be read"
    if house is not None:
        return _terms(house), ""
    terms = _MARGINED.get(regime)
    return (terms, "") if terms else (None, "No margin rates are on record for the connection")


def _terms(house: MarginRates) -> MarginTerms:
    return MarginTerms(
        house.long_initial, house.long_maintenance, house.short_initial, house.short_maintenance, house.short_per_share, house.leverage
    )


_STARTS = f"""
SELECT string_agg(uuid_send(a.id), ''), string_agg({SCALED.format("s.equity")}, ''), string_agg({DAY.format("s.as_of")}, '')
FROM unnest(%(ids)s::uuid[]) AS a (id) CROSS JOIN LATERAL (SELECT equity, as_of FROM accounts_equitysnapshot s
    WHERE s.account_id = a.id AND s.as_of <= %(until)s ORDER BY s.as_of DESC LIMIT 1) s
"""


def day_starts(*, accounts: Accounts, until: date) -> tuple[Ints, Ints]:
    """Return each account's equity of the last evening up to `until` (10⁻⁸ of its currency) and that day, MISSING without one."""
    row = fetch_row(_STARTS, {"ids": uuid_literal(accounts.ids), "until": until})
    equity, day = np.full(len(accounts.ids), MISSING), np.full(len(accounts.ids), MISSING)
    at = places(accounts.ids, as_uuids(row[0]))[0]
    equity[at], day[at] = as_integers(row[1]), as_integers(row[2])
    return equity, day


def last_evening(*, until: date) -> date | None:
    """Return the last day up to `until` of which an account has an equity."""
    row = fetch_row("SELECT max(as_of) FROM accounts_equitysnapshot WHERE as_of <= %(until)s", {"until": until})
    return row[0] if row else None


_ORDERS = """
SELECT account_id, count(*) FILTER (WHERE created_at >= %(since)s)::int,
    count(*) FILTER (WHERE state NOT IN ('FILLED', 'REJECTED', 'DENIED', 'CANCELED', 'EXPIRED'))::int
FROM execution_childorder WHERE NOT is_block AND id >= %(floor)s AND created_at <= %(now)s GROUP BY 1
"""
_PARTS = """
WITH blocks AS (SELECT o.parent_id, o.connection_id, max(o.created_at) >= %(since)s AS made,
    bool_or(o.state NOT IN ('FILLED', 'REJECTED', 'DENIED', 'CANCELED', 'EXPIRED')) AS works
    FROM execution_childorder o WHERE o.is_block AND o.id >= %(floor)s AND o.created_at <= %(now)s GROUP BY 1, 2)
SELECT l.account_id, count(*) FILTER (WHERE b.made)::int, count(*) FILTER (WHERE b.works)::int
FROM blocks b JOIN execution_parentorder p ON p.id = b.parent_id JOIN allocation_allocationline l ON l.statement_id = p.statement_id
JOIN accounts_account a ON a.id = l.account_id AND a.connection_id = b.connection_id
WHERE (b.made OR b.works) AND (%(few)s::uuid[] IS NULL OR l.account_id = ANY(%(few)s::uuid[]))
    AND CASE WHEN p.side = 'BUY' THEN l.quantity > 0 ELSE l.quantity < 0 END GROUP BY 1
"""
_FILLS = """
SELECT account_id, count(*)::int FROM execution_execution e
WHERE order_id IS NOT NULL AND account_id IS NOT NULL AND id >= %(floor)s AND recorded_at >= %(since)s AND recorded_at <= %(now)s AND last_qty > 0
    AND NOT EXISTS (SELECT 1 FROM execution_execution n
        WHERE n.order_id = e.order_id AND n.broker_exec_id = e.broker_exec_id AND n.revision > e.revision)
GROUP BY 1
"""
_SHARES = """
SELECT s.account_id, count(*)::int FROM execution_share s JOIN execution_booking b ON b.id = s.booking_id
WHERE b.id >= %(floor)s AND s.id >= %(floor)s AND b.booked_at >= %(since)s AND b.booked_at <= %(now)s AND s.quantity <> 0
    AND NOT EXISTS (SELECT 1 FROM execution_booking n
        WHERE n.parent_id = b.parent_id AND n.connection_id = b.connection_id AND n.revision > b.revision)
GROUP BY 1
"""


@dataclass(frozen=True, slots=True, eq=False)
class Activity:
    """int64[n]. orders, fills: since the day began. working: orders that may still fill. Parts in blocks included, see `activity_of`."""

    orders: Ints
    fills: Ints
    working: Ints


def activity_of(*, accounts: Accounts, since: datetime, now: datetime) -> Activity:
    """Return how many orders and fills each account had since an instant, and how many of its orders work; four statements.

    An account's part in the blocks of a parent at its connection is one order of the account, however many blocks that takes: it works while one of
    them does, and its booked share is one fill. So these are orders and fills of accounts, which add up over any accounts, as positions do; a
    block for three accounts is three. Only rows whose ids were made since are read: ids never lie before their rows'
    instants, whatever clock a rehearsal runs on.
    """
    few = uuid_literal(accounts.ids) if len(accounts.ids) <= FEW else None
    parameters = {"since": since, "now": now, "floor": _floor(since), "few": few}
    orders, working, fills = (np.zeros(len(accounts.ids), np.int64) for _ in range(3))
    for account, made, open_ in _counted(accounts, _ORDERS, parameters):
        orders[account], working[account] = made, open_
    for account, made, open_ in _counted(accounts, _PARTS, parameters):
        orders[account] += made
        working[account] += open_
    for account, number in _counted(accounts, _FILLS, parameters):
        fills[account] += number
    for account, number in _counted(accounts, _SHARES, parameters):
        fills[account] += number
    return Activity(orders, fills, working)


def _floor(since: datetime) -> UUID:
    """Return the lowest UUIDv7 of an instant, a week of working orders before it included."""
    milliseconds = int((since - timedelta(days=7)).astimezone(UTC).timestamp() * 1000)
    return UUID(int=milliseconds << 80)


def _counted(accounts: Accounts, sql: str, parameters: dict[str, Any]) -> list[tuple[int, ...]]:
    rows = fetch_rows(sql, parameters)
    if not rows:
        return []
    at, known = places(accounts.ids, _raw(row[0] for row in rows))
    return [(int(place), *row[1:]) for place, is_known, row in zip(at, known, rows, strict=True) if is_known]


_BLOCKS = """
SELECT account_id, mode, rule || ': ' || reason FROM accounts_tradingblock
WHERE account_id IS NOT NULL AND instrument_id IS NULL AND starts_at <= %(now)s AND (ends_at IS NULL OR ends_at > %(now)s)
ORDER BY mode DESC, starts_at
"""
_BREAKS = "SELECT account_id, count(*)::int FROM reconciliation_break WHERE closed_at IS NULL AND state = 'OPEN' GROUP BY 1"


def blocks_of(*, accounts: Accounts, now: datetime) -> list[tuple[str, str]]:
    """Return (mode, why) of the block on each whole account, the strictest where there are several; ("", "") without one."""
    found = [("", "")] * len(accounts.ids)
    for place, mode, reason in _counted(accounts, _BLOCKS, {"now": now}):
        found[place] = (str(mode), str(reason)[:200])
    return found


def open_breaks_of(*, accounts: Accounts) -> Ints:
    """Return how many open breaks each account has."""
    found = np.zeros(len(accounts.ids), np.int64)
    for place, number in _counted(accounts, _BREAKS, {}):
        found[place] = number
    return found


def unpriced_words(*, accounts: Accounts, standing: Standing, symbols: dict[int, str]) -> list[str]:
    """Return why each account has no equity: the first instrument without a price, or the currency without a rate; "" where it has one."""
    words = [""] * len(accounts.ids)
    unknown: NDArray[np.bool_] = standing.equity == MISSING
    prices = standing.prices
    for row in np.flatnonzero(unknown[standing.holdings.account]).tolist():
        account, place = int(standing.holdings.account[row]), int(np.searchsorted(prices.ids, standing.holdings.instrument[row]))
        base = accounts.currencies[int(accounts.currency[account])]
        currency = prices.currencies[int(prices.currency[place])]
        if prices.worth[place] is None:
            words[account] = words[account] or f"No price of {symbols.get(int(prices.ids[place]), 'an instrument')}"
        elif (currency, base, bool(accounts.paper[account])) not in standing.rates.rate:
            words[account] = words[account] or f"No rate from {currency} to {base}"
    for i in np.flatnonzero(unknown).tolist():
        words[i] = (words[i] or "A currency it holds has no rate")[:120]
    return words
