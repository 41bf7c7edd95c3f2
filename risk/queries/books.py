"""The firm's books summed by the database: positions and working orders by instrument, cash by currency, the day's start, volumes.

Entry points: `held_by_instrument`, `cash_by_currency`, `account_currencies`, `day_start`, `flows_since`,
`average_daily_volumes`, `last_closes`, `reporting_currency`.
Invariants: 1. one statement each, whatever the number of accounts. 2. clearing accounts count: what rests there is the firm's until it is
shared out. 3. nothing after `now` is read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection

from accounts.enums import TRADING_ENTRIES

ADV_DAYS = 20
_ADV_LOOKBACK = timedelta(days=45)
_LATEST = timedelta(days=45)
"""[D] How long after its day a flow is booked at the latest."""
_BUYS = "('BUY', 'BUY_TO_COVER')"
# What never moves capital, as the ledger's index of the others has it.
FLOWLESS = f"({', '.join(repr(str(kind)) for kind in TRADING_ENTRIES)})"


@dataclass(frozen=True, slots=True)
class Held:
    """position: signed units of all accounts; open_buy, open_sell: units that live orders may still add or take, both positive.

    issuer_id: of the instrument, or of its underlying.
    """

    instrument_id: int
    symbol: str
    currency: str
    multiplier: Decimal
    issuer_id: int | None
    position: Decimal
    open_buy: Decimal
    open_sell: Decimal


def reporting_currency() -> str:
    """Return the firm's reporting currency (ACC-11)."""
    return str(_rows("SELECT reporting_currency FROM governance_firmsettings", [])[0][0])


def account_currencies() -> list[str]:
    """Return the base currencies of the firm's accounts."""
    return [row[0] for row in _rows("SELECT DISTINCT base_currency FROM accounts_account ORDER BY 1", [])]


def held_by_instrument(*, also: Sequence[int] = ()) -> list[Held]:
    """Return what the firm holds and works, by instrument id; instruments of `also` are there even with nothing held."""
    sql = f"""
        SELECT i.id, i.symbol, i.currency, i.multiplier, coalesce(i.issuer_id, u.issuer_id), sum(h.held), sum(h.buys), sum(h.sells)
        FROM (SELECT instrument_id, sum(quantity) AS held, 0 AS buys, 0 AS sells FROM accounts_position GROUP BY 1
              UNION ALL
              SELECT instrument_id, 0, coalesce(sum(quantity) FILTER (WHERE side IN {_BUYS}), 0),
                     coalesce(sum(quantity) FILTER (WHERE side NOT IN {_BUYS}), 0)
              FROM accounts_reservation WHERE released_at IS NULL GROUP BY 1
              UNION ALL SELECT unnest(%s::bigint[]), 0, 0, 0) h
        JOIN market_instrument i ON i.id = h.instrument_id LEFT JOIN market_instrument u ON u.id = i.underlying_id
        GROUP BY i.id, u.issuer_id ORDER BY i.id"""
    return [Held(*row) for row in _rows(sql, [list(also)])]


def cash_by_currency() -> dict[str, Decimal]:
    """Return trade-date cash of all accounts by currency, what is owed to and by them included (ACC-3)."""
    return dict(_rows("SELECT currency, sum(amount + receivable) FROM accounts_cashbalance GROUP BY 1 ORDER BY 1", []))


@dataclass(frozen=True, slots=True)
class DayStart:
    """equity: at each account's last snapshot, by base currency. since: the earliest of these snapshots' days, None if there is none.

    unseen: accounts without a snapshot; they start at nothing.
    """

    equity: dict[str, Decimal]
    since: date | None
    unseen: list[UUID]


def day_start(*, until: date) -> DayStart:
    """Return what the accounts were worth at their last snapshots not after `until`; what was closed by then is left out."""
    sql = """
        SELECT a.base_currency, coalesce(sum(s.equity), 0), min(s.as_of), array_agg(a.id) FILTER (WHERE s.as_of IS NULL)
        FROM accounts_account a LEFT JOIN LATERAL (
            SELECT as_of, equity FROM accounts_equitysnapshot x WHERE x.firm_id = a.firm_id AND x.account_id = a.id AND x.as_of <= %s
            ORDER BY as_of DESC LIMIT 1) s ON true
        WHERE a.closed_on IS NULL OR a.closed_on > %s GROUP BY 1 ORDER BY 1"""
    rows = _rows(sql, [until, until])
    since = min((row[2] for row in rows if row[2] is not None), default=None)
    return DayStart({row[0]: row[1] for row in rows}, since, [pk for row in rows for pk in row[3] or ()])


def flows_since(start: DayStart, *, until: date) -> tuple[dict[str, Decimal], dict[int, Decimal]]:
    """Return what came in (positive) or went out after each account's last snapshot: money by currency, units by instrument.

    What was booked late, for a day that had been valued, came after it (docs/decisions/0009). A flow is a transaction against capital; what
    comes in kind counts by its units, not by its tax basis.
    """
    sql = f"""
        WITH flows AS (
            SELECT t.id, c.account_id FROM accounts_ledgertransaction t
            JOIN accounts_ledgerentry c ON c.firm_id = t.firm_id AND c.transaction_id = t.id AND c.book = 'CAPITAL'
            JOIN accounts_account a ON a.firm_id = c.firm_id AND a.id = c.account_id AND (a.closed_on IS NULL OR a.closed_on > %s)
            JOIN LATERAL (SELECT x.as_of, x.valued_at FROM accounts_equitysnapshot x
                          WHERE x.firm_id = c.firm_id AND x.account_id = c.account_id AND x.as_of <= %s ORDER BY x.as_of DESC LIMIT 1) s
                ON t.trade_date > s.as_of OR t.recorded_at > s.valued_at
            WHERE t.entry_type NOT IN {FLOWLESS} AND t.trade_date > coalesce(%s, 'infinity'::date)
            UNION SELECT c.transaction_id, c.account_id FROM accounts_ledgerentry c WHERE c.book = 'CAPITAL' AND c.account_id = ANY(%s))
        SELECT e.currency, e.instrument_id, sum(e.amount) FROM flows f
        JOIN accounts_ledgerentry e ON e.transaction_id = f.id AND e.account_id = f.account_id
        WHERE e.book IN ('CASH', 'POSITION') GROUP BY 1, 2 ORDER BY 1, 2"""
    since = None if start.since is None else start.since - _LATEST
    rows = _rows(sql, [until, until, since, start.unseen])
    return {row[0]: row[2] for row in rows if row[1] is None}, {row[1]: row[2] for row in rows if row[1] is not None}


def average_daily_volumes(*, instrument_ids: Sequence[int], now: datetime) -> dict[int, Decimal]:
    """Return the average volume of the last 20 days with bars before today (UTC), from daily bars or, without them, regular minute bars.

    Of several sources the one with most volume on a day counts. Instruments without bars are not there (CON-5). Source: CST-2.
    """
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    sql = """
        SELECT instrument_id, avg(volume) FROM (
            SELECT instrument_id, volume, row_number() OVER (PARTITION BY instrument_id ORDER BY day DESC) AS place FROM (
                SELECT DISTINCT ON (instrument_id, day) instrument_id, day, volume FROM (
                    SELECT instrument_id, (starts_at AT TIME ZONE 'UTC')::date AS day, source, interval_seconds, sum(volume) AS volume
                    FROM market_bar WHERE instrument_id = ANY(%s) AND starts_at >= %s AND starts_at < %s
                    AND (interval_seconds >= 86400 OR is_regular) GROUP BY 1, 2, 3, 4) summed
                ORDER BY instrument_id, day, interval_seconds DESC, volume DESC) best) placed
        WHERE place <= %s GROUP BY 1"""
    return {row[0]: row[1] for row in _rows(sql, [list(instrument_ids), today - _ADV_LOOKBACK, today, ADV_DAYS]) if row[1]}


def last_closes(*, instrument_ids: Sequence[int], now: datetime, max_age: timedelta) -> Mapping[int, Decimal]:
    """Return the close of each instrument's last bar completed by `now` and not older than `max_age`."""
    sql = """
        SELECT DISTINCT ON (i.id) i.id, b.close FROM unnest(%s::bigint[]) AS i (id), unnest(ARRAY[60, 86400]) AS k (seconds)
        CROSS JOIN LATERAL (
            SELECT close, starts_at + k.seconds * interval '1 second' AS ends_at FROM market_bar b
            WHERE b.instrument_id = i.id AND b.interval_seconds = k.seconds AND b.starts_at >= %s
            AND b.starts_at <= %s - k.seconds * interval '1 second' ORDER BY b.starts_at DESC LIMIT 1) b
        ORDER BY i.id, b.ends_at DESC"""
    return dict(_rows(sql, [list(instrument_ids), now - max_age, now]))


def _rows(sql: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall()
