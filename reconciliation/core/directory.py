"""The codebook of a run: which accounts, symbols and currencies exist, as dense integer codes.

Entry points: `Directory`, `make_directory`.
Invariants: 1. a code is the index into its tuple; 2. refs are unique; 3. a custodian's own account numbers and symbols are used here, the
caller keeps the parallel list of our ids.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from .fixed import Bools, Ints


@dataclass(frozen=True, slots=True, eq=False)
class Directory:
    """Codes of one custodian: accounts, symbols and currencies by position; `instrument_currency`: int64[n_symbols];
    `multiplier`: contract size per symbol; `negative_prices`: bool[n_symbols], where a price below zero makes sense (futures, spreads)."""

    accounts: tuple[str, ...]
    symbols: tuple[str, ...]
    currencies: tuple[str, ...]
    instrument_currency: Ints
    multiplier: tuple[Decimal, ...]
    negative_prices: Bools
    account_code: Mapping[str, int]
    symbol_code: Mapping[str, int]
    currency_code: Mapping[str, int]


def make_directory(
    accounts: Sequence[str],
    symbols: Mapping[str, str],
    currencies: Sequence[str],
    *,
    multipliers: Mapping[str, Decimal] | None = None,
    negative_prices: frozenset[str] = frozenset(),
) -> Directory:
    """Build the codebook. symbols: custodian's symbol → currency of its price. multipliers: where not 1.

    >>> make_directory(["A"], {"XYZ": "USD"}, ["USD"]).symbol_code["XYZ"]
    0

    Raises ValueError for a repeated account or currency and for a symbol priced in an unlisted currency.
    """
    currency_code = {code: i for i, code in enumerate(currencies)}
    account_code = {ref: i for i, ref in enumerate(accounts)}
    if len(currency_code) != len(currencies) or len(account_code) != len(accounts):
        raise ValueError("accounts and currencies must be unique")
    unknown = sorted({currency for currency in symbols.values() if currency not in currency_code})
    if unknown:
        raise ValueError(f"symbols priced in unlisted currencies {unknown}")
    sizes = multipliers or {}
    return Directory(
        accounts=tuple(accounts),
        symbols=tuple(symbols),
        currencies=tuple(currencies),
        instrument_currency=np.array([currency_code[c] for c in symbols.values()], np.int64),
        multiplier=tuple(sizes.get(symbol, Decimal(1)) for symbol in symbols),
        negative_prices=np.array([symbol in negative_prices for symbol in symbols], np.bool_),
        account_code=account_code,
        symbol_code={symbol: i for i, symbol in enumerate(symbols)},
        currency_code=currency_code,
    )
