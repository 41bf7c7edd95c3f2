"""What we hold at the end of a business date, from the books of accounts (REC-1).

Entry point: `state_at`. What was booked on the date is in `daybook`.
The state of a date is the books' projections less what was traded after it: by I6 the same as the last reconciled state plus the journal
since, and entries booked late for an earlier date are in it.
Invariants: 1. a fixed number of statements, whatever the number of accounts; 2. nothing is written; 3. a currency or an instrument that
the codebook lacks raises, it is never dropped.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np

from ..core.expectation import Journal, LedgerState, PendingTable, roll_forward
from ..core.fixed import Ints, to_day
from ..core.snapshot import AmountTable, PositionTable, make_table
from .codebook import Codebook
from .columns import fetch_columns

SCALED = "{0} * 100000000"
DAY = "{0} - DATE '1970-01-01'"
ACCOUNTS = (
    "(SELECT id, is_clearing, row_number() OVER (ORDER BY id) - 1 AS code FROM accounts_account WHERE custodian_id = %(custodian)s) a"
)
CURRENCIES = "unnest(%(currencies)s::text[]) WITH ORDINALITY m(name, place)"
CURRENCY = "coalesce(m.place, 0) - 1"
_ENTRIES = (
    "FROM accounts_ledgertransaction t JOIN accounts_ledgerentry e ON e.transaction_id = t.id "
    f"JOIN {ACCOUNTS} ON a.id = e.account_id LEFT JOIN {CURRENCIES} ON m.name = e.currency "
)


def state_at(book: Codebook, as_of: date, prices: Ints) -> LedgerState:
    """Return what we hold at the end of `as_of`. prices: int64[n_instruments], our marks, NO_PRICE where there is none."""
    parameters = parameters_of(book, as_of)
    held = fetch_columns(
        ["a.code", "p.instrument_id", SCALED.format("p.quantity")],
        f"FROM accounts_position p JOIN {ACCOUNTS} ON a.id = p.account_id WHERE p.quantity <> 0",
        parameters,
    )
    ladder = fetch_columns(
        ["a.code", CURRENCY, SCALED.format("c.amount"), DAY.format("c.settle_date")],
        f"FROM accounts_cashbalance c JOIN {ACCOUNTS} ON a.id = c.account_id LEFT JOIN {CURRENCIES} ON m.name = c.currency "
        "WHERE c.amount <> 0",
        parameters,
    )
    day = np.full(len(held[0]), to_day(as_of))
    parts = [
        (held[0], places(book, held[1]), np.full(len(held[0]), -1), held[2], day, day),
        (ladder[0], np.full(len(ladder[0]), -1), known(ladder[1]), ladder[2], np.full(len(ladder[0]), to_day(as_of)), ladder[3]),
        *_entries(book, parameters),
    ]
    journal = Journal(*(np.concatenate(column) for column in zip(*parts, strict=True)))
    return roll_forward(_nothing(as_of), journal, as_of, prices, book.directory.instrument_currency, len(book.directory.currencies))


def _entries(book: Codebook, parameters: dict[str, Any]) -> list[tuple[Ints, ...]]:
    """Return entries that undo what was traded after the date, and those of clearing accounts, which the projections leave out."""
    columns = ["a.code", "coalesce(e.instrument_id, -1)", f"CASE WHEN e.currency = '' THEN -2 ELSE {CURRENCY} END"]
    columns += [DAY.format("e.settle_date")]
    joined = _ENTRIES
    later = fetch_columns(
        [*columns, SCALED.format("-e.amount")],
        joined + "WHERE t.trade_date > %(as_of)s AND e.book IN ('POSITION', 'CASH')",
        parameters,
    )
    parts = [later]
    if bool(book.clearing.any()):
        parts.append(
            fetch_columns(
                [*columns, SCALED.format("e.amount")],
                joined + "WHERE a.is_clearing AND e.book = 'CLEARING' AND t.trade_date <= %(as_of)s",
                parameters,
            )
        )
    day = parameters["day"]
    result: list[tuple[Ints, ...]] = []
    for account, instrument, currency, settles, amount in parts:
        quantity = instrument >= 0
        place = np.full(len(account), -1)
        place[quantity] = places(book, instrument[quantity])
        money = np.where(quantity, -1, currency)
        known(money[~quantity])
        result.append((account, place, money, amount, np.full(len(account), day), settles))
    return result


def parameters_of(book: Codebook, as_of: date) -> dict[str, Any]:
    """Return what the statements here are asked with."""
    return {"custodian": book.custodian_id, "as_of": as_of, "day": to_day(as_of), "currencies": list(book.directory.currencies)}


def places(book: Codebook, instrument_ids: Ints) -> Ints:
    """Return instrument codes of ids. Raises LookupError for an unknown one."""
    known = book.instrument_ids
    at = np.minimum(np.searchsorted(known, instrument_ids), max(len(known) - 1, 0))
    if len(instrument_ids) and (len(known) == 0 or not bool(np.all(known[at] == instrument_ids))):
        raise LookupError("the books hold an instrument that the custodian's codebook lacks")
    return at


def known(currency: Ints) -> Ints:
    """Return currency codes as they are. Raises LookupError where one is unknown (−1)."""
    if len(currency) and int(currency.min()) < 0:
        raise LookupError("the books hold a currency that the custodian's codebook lacks")
    return currency


def _nothing(as_of: date) -> LedgerState:
    return LedgerState(
        as_of, make_table(PositionTable, []), make_table(AmountTable, []), make_table(AmountTable, []), make_table(PendingTable, [])
    )
