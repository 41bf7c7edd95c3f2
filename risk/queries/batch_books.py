"""What the accounts of one batch hold, work, have reserved, and are blocked for, as arrays.

Entry points: `held`, `own_reservations`, `blocks`.
Invariant: one statement each; ids travel as bytes both ways, whatever the number of accounts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from risk.core.exact import Ints
from risk.enums import Restriction

# Of more accounts than this the whole firm is read: naming thousands costs more.
FEW = 2_000
_BUYS = "('BUY', 'BUY_TO_COVER')"
_MODES = {"CLOSE_ONLY": Restriction.CLOSE_ONLY, "CLOSED": Restriction.FROZEN}


@dataclass(frozen=True, slots=True, eq=False)
class HeldPairs:
    """m pairs of account and instrument.

    account: V16[m]. instrument: int64[m]. position: int64[m], signed, 1/UNIT. open_buy, open_sell: int64[m], 0 or more, 1/UNIT.
    """

    account: NDArray[Any]
    instrument: Ints
    position: Ints
    open_buy: Ints
    open_sell: Ints


@dataclass(frozen=True, slots=True, eq=False)
class OwnReservations:
    """m live reservations of the batch's orders.

    order, account: V16[m]. quantity, cash: int64[m], 1/UNIT. currency: int[m], place in `currencies`.
    """

    order: NDArray[Any]
    account: NDArray[Any]
    quantity: Ints
    cash: Ints
    currency: Ints
    currencies: list[str]


def held(*, accounts: NDArray[Any], instrument_ids: Sequence[int]) -> HeldPairs:
    """Return positions, over all sleeves and legs, and live orders in these instruments of these accounts; for many, of all accounts."""
    sql = f"""
        SELECT string_agg(uuid_send(account_id), ''), string_agg(int8send(instrument_id), ''),
               string_agg(int8send((held * 1e8)::bigint), ''),
               string_agg(int8send((buys * 1e8)::bigint), ''), string_agg(int8send((sells * 1e8)::bigint), '')
        FROM (SELECT account_id, instrument_id, sum(held) AS held, sum(buys) AS buys, sum(sells) AS sells FROM (
            SELECT account_id, instrument_id, quantity AS held, 0 AS buys, 0 AS sells FROM accounts_position
            WHERE instrument_id = ANY(%(instruments)s) AND (%(few)s::uuid[] IS NULL OR account_id = ANY(%(few)s::uuid[]))
            UNION ALL
            SELECT account_id, instrument_id, 0, CASE WHEN side IN {_BUYS} THEN quantity ELSE 0 END,
                   CASE WHEN side IN {_BUYS} THEN 0 ELSE quantity END
            FROM accounts_reservation WHERE released_at IS NULL AND instrument_id = ANY(%(instruments)s)
            AND (%(few)s::uuid[] IS NULL OR account_id = ANY(%(few)s::uuid[]))) h
        GROUP BY 1, 2) g"""
    few = _uuids(accounts) if len(accounts) <= FEW else None
    with connection.cursor() as cursor:
        cursor.execute(sql, {"instruments": list(instrument_ids), "few": few})
        row = cursor.fetchone()
    return HeldPairs(_bytes(row[0]), *(_integers(value) for value in row[1:]))


def own_reservations(*, order_ids: Sequence[UUID]) -> OwnReservations:
    """Return the live reservations of these orders."""
    sql = """SELECT cash_currency, string_agg(uuid_send(order_id), ''), string_agg(uuid_send(account_id), ''),
        string_agg(int8send((quantity * 1e8)::bigint), ''), string_agg(int8send((cash * 1e8)::bigint), '')
        FROM accounts_reservation WHERE order_id = ANY(%s::uuid[]) AND released_at IS NULL GROUP BY 1 ORDER BY 1"""
    ids = np.frombuffer(b"".join(order_id.bytes for order_id in order_ids), "V16")
    with connection.cursor() as cursor:
        cursor.execute(sql, [_uuids(ids)])
        rows = cursor.fetchall()
    columns = [b"".join(bytes(row[k]) for row in rows) for k in range(1, 5)]
    sizes = [len(row[1]) // 16 for row in rows]
    return OwnReservations(
        _bytes(columns[0]),
        _bytes(columns[1]),
        _integers(columns[2]),
        _integers(columns[3]),
        np.repeat(np.arange(len(rows)), sizes),
        [row[0] for row in rows],
    )


def blocks(*, instrument_ids: Sequence[int], now: datetime) -> list[tuple[UUID | None, int | None, Restriction]]:
    """Return the trading blocks in force on any account or on these instruments; None = all. A closed account is blocked (REC-6)."""
    sql = """
        SELECT account_id, instrument_id, mode FROM accounts_tradingblock
        WHERE starts_at <= %s AND (ends_at IS NULL OR ends_at > %s) AND (instrument_id IS NULL OR instrument_id = ANY(%s))
        UNION ALL SELECT id, NULL, 'CLOSED' FROM accounts_account WHERE closed_on <= %s"""
    with connection.cursor() as cursor:
        cursor.execute(sql, [now, now, list(instrument_ids), now.date()])
        return [(account, instrument, _MODES.get(mode, Restriction.FROZEN)) for account, instrument, mode in cursor.fetchall()]


def _uuids(ids: NDArray[Any]) -> str:
    """Return a PostgreSQL array literal: ten thousand UUID objects would cost more than the statement."""
    digits = ids.tobytes().hex()
    return "{" + ",".join(digits[start : start + 32] for start in range(0, len(digits), 32)) + "}"


def _bytes(value: Any) -> NDArray[Any]:
    return np.frombuffer(bytes(value or b""), "V16")


def _integers(value: Any) -> Ints:
    return np.frombuffer(bytes(value or b""), ">i8").astype(np.int64)
