"""Which accounts, symbols and currencies a custodian may name, and our ids for them.

Entry points: `Codebook`, `codebook_of`.
Invariants: 1. the code of an account is its place in `account_ids` (ascending), of an instrument its place in `instrument_ids`
(ascending); 2. a custodian's own symbol takes the place of ours (`market.queries.venue_symbols`); 3. clearing accounts are in it: a custodian reports them too.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

import numpy as np

from base.errors import NotFound
from market.enums import InstrumentKind
from market.queries import venue_symbols

from ..core.directory import Directory, make_directory
from ..core.fixed import Bools, Ints
from .columns import execute

_MARGINED = frozenset({InstrumentKind.FX, InstrumentKind.FUTURE, InstrumentKind.CFD})
_MAY_BE_NEGATIVE = frozenset({InstrumentKind.FUTURE})
_ALWAYS = ("USD", "EUR", "GBP", "CHF", "JPY", "CAD", "AUD", "NZD", "SEK", "NOK", "DKK", "HKD", "SGD", "BTC", "ETH", "USDT", "USDC")


@dataclass(frozen=True, slots=True, eq=False)
class Codebook:
    """A custodian and everything it may name. base_currency: int64[n_accounts] codes; connections: the code of the connection each account
    trades over; margined: bool[n_instruments], held for a profit or loss and not for its value; tick: float64[n_instruments]."""

    custodian_id: UUID
    code: str
    name: str
    calendar: str
    directory: Directory
    account_ids: tuple[UUID, ...]
    base_currency: Ints
    connections: tuple[str, ...]
    clearing: Bools
    opened: Ints
    closed: Ints
    instrument_ids: Ints
    margined: Bools
    tick: np.ndarray[tuple[int], np.dtype[np.float64]]

    def open_on(self, day: int) -> Bools:
        """Return bool[n_accounts]: accounts that exist on the day (a day number), so that the custodian must report them."""
        return np.asarray((self.opened <= day) & (day <= self.closed))


_FOREVER = 2**31


def codebook_of(*, custodian_id: UUID) -> Codebook:
    """Return the codebook of a custodian of the open block's firm. Raises NotFound."""
    found = execute("SELECT code, name, calendar FROM accounts_custodian WHERE id = %(id)s", {"id": custodian_id}).fetchone()
    if found is None:
        raise NotFound("custodian")
    code, name, calendar = found
    accounts = _accounts(custodian_id)
    instruments = _instruments(code)
    listed = {row[2] for row in instruments} | {row[2] for row in accounts} | _rated() | set(_ALWAYS)
    currencies = sorted(listed)
    at = {currency: i for i, currency in enumerate(currencies)}
    directory = make_directory(
        [row[1] for row in accounts],
        {row[1]: row[2] for row in instruments},
        currencies,
        multipliers={row[1]: row[3] for row in instruments if row[3] != 1},
        negative_prices=frozenset(row[1] for row in instruments if row[4] in _MAY_BE_NEGATIVE),
    )
    return Codebook(
        custodian_id=custodian_id,
        code=code,
        name=name,
        calendar=calendar,
        directory=directory,
        account_ids=tuple(row[0] for row in accounts),
        base_currency=np.array([at[row[2]] for row in accounts], np.int64),
        connections=tuple(row[6] for row in accounts),
        clearing=np.array([row[3] for row in accounts], np.bool_),
        opened=np.array([row[4] for row in accounts], np.int64),
        closed=np.array([_FOREVER if row[5] is None else row[5] for row in accounts], np.int64),
        instrument_ids=np.array([row[0] for row in instruments], np.int64),
        margined=np.array([row[4] in _MARGINED for row in instruments], np.bool_),
        tick=np.array([float(row[5]) for row in instruments], np.float64),
    )


def _accounts(custodian_id: UUID) -> list[tuple[UUID, str, str, bool, int, int | None, str]]:
    sql = (
        "SELECT a.id, a.custodian_account, a.base_currency, a.is_clearing, a.opened_on - DATE '1970-01-01', a.closed_on - DATE '1970-01-01', "
        "c.code FROM accounts_account a JOIN accounts_brokerconnection c ON c.id = a.connection_id "
        "WHERE a.custodian_id = %(id)s ORDER BY a.id"
    )
    return execute(sql, {"id": custodian_id}).fetchall()


def _instruments(venue: str) -> list[tuple[int, str, str, Decimal, str, Decimal]]:
    """Return (id, custodian's symbol, currency, multiplier, kind, tick) of what the custodian has a name for."""
    rows = execute("SELECT id, currency, multiplier, kind, tick FROM market_instrument ORDER BY id", {}).fetchall()
    names = venue_symbols(venue=venue)
    return [(row[0], names[row[0]], *row[1:]) for row in rows if row[0] in names]


def _rated() -> set[str]:
    rows = execute("SELECT DISTINCT base FROM market_fxrate UNION SELECT DISTINCT quote FROM market_fxrate", {}).fetchall()
    return {row[0] for row in rows}
