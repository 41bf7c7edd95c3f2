"""What accounts have gained on their lots, as arrays: open against marks, realised by closures (ACC-3, TAX-3).

Entry points: `open_gains`, `realised_gains`. Inside the caller's tenancy block.
Invariants: 1. one statement each, whatever the number of accounts. 2. gains are counted in the lot's currency and converted at one rate, so
that the basis' own day plays no part. 3. a lot without a price or rate leaves its account without a figure (CON-5).
"""

from __future__ import annotations

from datetime import date, datetime

import numpy as np
from numpy.typing import NDArray

from .columns import SCALED, Ints, as_integers, as_uuids, fetch_row, places, uuid_literal
from .standing import Accounts, Holdings, Money, converted, market_value
from .valuation import prices_of, rates_between

_LOTS = f"""
SELECT string_agg(uuid_send(account_id), ''), array_agg(currency::text), string_agg(int8send(instrument_id), ''),
    string_agg({SCALED.format("quantity")}, ''), string_agg({SCALED.format("basis")}, '')
FROM (SELECT account_id, instrument_id, currency, sum(quantity) AS quantity, sum(sign(quantity) * basis) AS basis
    FROM accounts_taxlot WHERE quantity <> 0 AND account_id = ANY(%(ids)s::uuid[]) GROUP BY 1, 2, 3) l
"""
_CLOSED = f"""
SELECT string_agg(uuid_send(account_id), ''), array_agg(currency::text), string_agg({SCALED.format("gain")}, '')
FROM (SELECT c.account_id, l.currency, sum(c.proceeds - c.basis) AS gain FROM accounts_lotclosure c JOIN accounts_taxlot l ON l.id = c.lot_id
    WHERE c.closed_on >= %(since)s AND c.account_id = ANY(%(ids)s::uuid[]) GROUP BY 1, 2) c
"""


def open_gains(*, accounts: Accounts, now: datetime) -> tuple[Ints, NDArray[np.bool_]]:
    """Return the open gain of each account's lots in minor units of its currency, and which have none that can be known."""
    row = fetch_row(_LOTS, {"ids": uuid_literal(accounts.ids)})
    account = places(accounts.ids, as_uuids(row[0]))[0]
    instrument, quantity, basis = (as_integers(value) for value in row[2:])
    legend, currency = np.unique(np.array(row[1] or [], dtype="U8"), return_inverse=True)
    prices = prices_of(instrument_ids=np.unique(instrument).tolist(), now=now)
    into = sorted({(accounts.currencies[c], bool(p)) for c, p in zip(accounts.currency.tolist(), accounts.paper.tolist(), strict=True)})
    rates = rates_between(currencies=sorted({*prices.currencies, *legend.tolist()}), into=into, now=now)
    value, unpriced = market_value(accounts, Holdings(account, instrument, quantity, quantity), prices, rates)
    cost = Money(account, currency.astype(np.int64), tuple(legend.tolist()), (basis,))
    paid, unrated = converted(accounts, cost, basis, rates)
    return value - paid, unpriced | unrated


def realised_gains(*, accounts: Accounts, since: date, now: datetime) -> tuple[Ints, NDArray[np.bool_]]:
    """Return what closures since a day (that day included) have gained, as `open_gains`."""
    row = fetch_row(_CLOSED, {"ids": uuid_literal(accounts.ids), "since": since})
    account = places(accounts.ids, as_uuids(row[0]))[0]
    legend, currency = np.unique(np.array(row[1] or [], dtype="U8"), return_inverse=True)
    gain = as_integers(row[2])
    into = sorted({(accounts.currencies[c], bool(p)) for c, p in zip(accounts.currency.tolist(), accounts.paper.tolist(), strict=True)})
    rates = rates_between(currencies=legend.tolist(), into=into, now=now)
    return converted(accounts, Money(account, currency.astype(np.int64), tuple(legend.tolist()), (gain,)), gain, rates)
