"""Which accounts have margin rates, and what margin we expect of them (REC-1, ACC-7, ACC-10).

Entry points: `our_margins`, `OurMargins`, `UnreadableRates`.
A connection's settings may hold `margin_rates`, rows as `core.margin.MarginRates` names them. An account on Reg T or leverage over such a
connection is compared; portfolio margin is the broker's own figure (ACC-8), and cash accounts borrow nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import orjson

from base.errors import Refused
from market.enums import InstrumentKind

from ..core.fixed import Bools
from ..core.margin import MarginRates, expected_margins, rates_on
from ..core.materiality import Rates
from ..core.snapshot import AmountTable, PositionTable, make_table
from .codebook import Codebook
from .columns import execute

_SHARES = [str(InstrumentKind.EQUITY), str(InstrumentKind.ETF)]
_RATED = (
    "SELECT a.id, c.code, c.settings->'margin_rates' FROM accounts_account a JOIN accounts_brokerconnection c ON c.id = a.connection_id "
    "WHERE a.custodian_id = %(custodian)s AND a.leverage_regime IN ('REG_T', 'LEVERAGED') AND NOT a.is_clearing "
    "AND c.settings ? 'margin_rates' ORDER BY a.id"
)
_KINDS = "SELECT kind FROM market_instrument WHERE id = ANY(%(ids)s) ORDER BY id"


class UnreadableRates(Refused):
    """A connection's margin rates cannot be read: nothing is compared until they can (CON-5)."""


@dataclass(frozen=True, slots=True, eq=False)
class OurMargins:
    """Expected margin, and bool[n_accounts] of which it could be worked out. any_rates: some account of the custodian has rates."""

    table: AmountTable
    known: Bools
    any_rates: bool


def our_margins(book: Codebook, as_of: date, positions: PositionTable, fx: Rates) -> OurMargins:
    """Return the margin we expect at the end of a date; two statements, one where no account has rates. Raises UnreadableRates."""
    known = np.zeros(len(book.account_ids), np.bool_)
    models = _models(book, as_of)
    if not models:
        return OurMargins(make_table(AmountTable, []), known, any_rates=False)
    kinds = [row[0] for row in execute(_KINDS, {"ids": book.instrument_ids.tolist()}).fetchall()]
    table, codes = expected_margins(
        positions,
        models,
        book.directory,
        base_currency=book.base_currency,
        fx=fx,
        is_share=np.isin(kinds, _SHARES),
        is_fx=np.isin(kinds, [str(InstrumentKind.FX)]),
    )
    known[sorted(codes)] = True
    return OurMargins(table, known, any_rates=True)


def _models(book: Codebook, as_of: date) -> dict[int, MarginRates]:
    at = {account_id: code for code, account_id in enumerate(book.account_ids)}
    found: dict[str, MarginRates | None] = {}
    models: dict[int, MarginRates] = {}
    for account_id, code, rows in execute(_RATED, {"custodian": book.custodian_id}).fetchall():
        if code not in found:
            try:
                found[code] = rates_on(orjson.loads(rows) if isinstance(rows, str) else rows, as_of)
            except (ValueError, TypeError, AttributeError) as error:
                raise UnreadableRates("MARGIN_RATES", f"connection {code}: {error}", field="margin_rates", value=code) from error
        rates = found[code]
        if rates is not None:
            models[at[account_id]] = rates
    return models
