"""What a signal was sized from, kept at its instant: prices, conversion rates with their origin, and every addressed account's books.

Entry point: `inputs_of`. Amounts are exact decimals; a figure that is not known is None.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID

import numpy as np

from accounts import queries as accounts
from accounts.queries import AccountArrays
from allocation.services.sizing import PAPER_FX_AGE, RESERVE_RATE
from base import tenancy
from governance import queries as governance
from governance.core.mandates import MandatedInstrument
from market import queries as market
from market.queries import InstrumentFacts

from .facts import rows
from .firm import TourFirm
from .world import Market

UNIT = 10**8
MISSING = np.int64(-(2**63))
_CASH = """
SELECT b.account_id, b.currency, sum(b.amount) AS amount, coalesce(sum(b.amount) FILTER (WHERE b.settle_date <= %s), 0) AS settled,
       coalesce(sum(b.outflow) FILTER (WHERE b.settle_date > %s), 0) AS unsettled_outflow, sum(b.receivable) AS receivable
FROM accounts_cashbalance b WHERE b.account_id = ANY(%s) GROUP BY 1, 2 ORDER BY 1, 2"""
_POSITIONS = """
SELECT p.account_id, i.symbol, sum(p.quantity) AS quantity FROM accounts_position p JOIN market_instrument i ON i.id = p.instrument_id
WHERE p.account_id = ANY(%s) GROUP BY 1, 2 HAVING sum(p.quantity) <> 0 ORDER BY 1, 2"""
_RESERVED = """
SELECT account_id, cash_currency AS currency, sum(cash) AS cash FROM accounts_reservation
WHERE released_at IS NULL AND cash > 0 AND account_id = ANY(%s) GROUP BY 1, 2 ORDER BY 1, 2"""
_RATES = "SELECT base, quote, rate, as_of, source FROM market_fxrate WHERE id = ANY(%s) ORDER BY id"


def inputs_of(*, world: Market, firm: TourFirm, symbol: str, only: Sequence[UUID], now: datetime) -> dict[str, Any]:
    """Return the inputs of one signal as of `now`. only: the accounts it names; empty for all that follow the strategy."""
    instrument = world.instruments[symbol]
    ids = list(only) or list(firm.accounts.values())
    with tenancy.firm(firm.firm_id):
        arrays = accounts.account_arrays(account_ids=ids, sleeve_id=firm.sleeve_id, instrument=instrument, now=now)
        mandates = governance.mandate_limits(mandate_ids=arrays.mandate_ids, instrument=_mandated(instrument), now=now)
        buffer = governance.firm_settings().cash_buffer_rate
        quotes = market.latest_quotes(instrument_ids=[facts.id for facts in world.instruments.values()], now=now)
    prices = {facts.symbol: quotes[facts.id] for facts in world.instruments.values() if facts.id in quotes}
    return {
        "at": now,
        "prices": [
            {
                "symbol": name,
                "price": quote.last if quote.last is not None else quote.mid,
                "currency": world.instruments[name].currency,
                "as_of": quote.as_of,
                "source": quote.source,
            }
            for name, quote in prices.items()
        ],
        "fx": _rates(firm.firm_id, sorted({*arrays.currencies, instrument.currency}), now),
        "cash_buffer_rate": buffer,
        "buying_power_rate": Decimal(RESERVE_RATE) / UNIT,
        "accounts": _accounts(arrays, mandates, _books(firm.firm_id, arrays.uuids, now.date())),
    }


def _mandated(instrument: InstrumentFacts) -> MandatedInstrument:
    return MandatedInstrument(
        instrument_id=str(instrument.id),
        kind=instrument.kind,
        issuer_ids=frozenset({str(instrument.issuer_id)} if instrument.issuer_id else ()),
        sectors=frozenset({instrument.sector} if instrument.sector else ()),
    )


def _rates(firm_id: int, currencies: Sequence[str], now: datetime) -> list[dict[str, Any]]:
    """Return every pair's rate as an exact fraction, and the stored rates it was made of, with date and source."""
    found = []
    for to in currencies:
        ratios = market.fx_ratios(currencies=list(currencies), to=to, now=now, max_age=PAPER_FX_AGE)
        for number, name in enumerate(currencies):
            if name == to:
                continue
            is_known = not ratios.missing[number]
            ids = [int(part) for part in ratios.rate_ids[number].split("/")] if is_known else []
            found.append(
                {
                    "from": name,
                    "to": to,
                    "rate": str(Fraction(int(ratios.num[number]), int(ratios.den[number]))) if is_known else None,
                    "label": ratios.labels[number],
                    "made_of": rows(firm_id, _RATES, ids),
                }
            )
    return found


Books = Mapping[str, Mapping[UUID, list[dict[str, Any]]]]


def _books(firm_id: int, ids: list[UUID], today: date) -> Books:
    found: dict[str, dict[UUID, list[dict[str, Any]]]] = {}
    for name, sql, parameters in (("cash", _CASH, (today, today, ids)), ("positions", _POSITIONS, (ids,)), ("reserved", _RESERVED, (ids,))):
        by_account: dict[UUID, list[dict[str, Any]]] = defaultdict(list)
        for row in rows(firm_id, sql, *parameters):
            by_account[row.pop("account_id")].append(row)
        found[name] = by_account
    return found


def _accounts(arrays: AccountArrays, mandates: Any, books: Books) -> list[dict[str, Any]]:
    exponents = arrays.exponents.tolist()
    found = []
    for i, pk in enumerate(arrays.uuids):
        places = exponents[int(arrays.currency[i])]
        found.append(
            {
                "account": arrays.codes[i],
                "class": arrays.class_legend[int(arrays.classes[i])],
                "currency": arrays.currencies[int(arrays.currency[i])],
                "equity": _known(arrays.equity[i], places),
                "available": _known(arrays.available[i], places),
                "position": _known(arrays.position[i], 8),
                "open_buy": _known(arrays.open_buy[i], 8),
                "open_sell": _known(arrays.open_sell[i], 8),
                "class_cap": _known(arrays.class_cap[i], 8),
                "mandate_cap": _known(mandates.cap[i], 8),
                **{name: by_account.get(pk, []) for name, by_account in books.items()},
            }
        )
    return sorted(found, key=lambda entry: str(entry["account"]))


def _known(value: Any, places: int) -> Decimal | None:
    return None if value == MISSING else Decimal(int(value)).scaleb(-places)
