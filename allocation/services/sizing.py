"""Gather what one signal's sizing needs, as arrays, and size it.

Entry point: `size_signal`. Invariants: 1. accounts without authority (GOV-2), or under a tripped kill switch (GOV-10), are out before
anything is sized, with their reason kept.
2. what is not known stays unknown (`MISSING`) and blocks what would raise risk (CON-5). 3. no query a row, no loop over accounts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from accounts import queries as accounts
from accounts.queries import AccountArrays
from base.core.figures import price as format_price
from base.core.ids import uuid_texts
from governance import queries as governance
from governance.core.authority_check import AuthorityAsk
from governance.core.mandates import MandatedInstrument
from governance.enums import AuthorityFinding, RestrictionState
from market import queries as market
from market.queries import InstrumentFacts, QuoteFacts

from ..core.order_terms import OrderTerms, misplaced, protected_side
from ..core.request import Limits, PooledRoom, SizingRequest
from ..core.scales import MISSING, UNIT, BeyondScale, Ints, to_scaled
from ..core.sizing import SizingResult, size
from ..core.statement import AllocationStatement, statement_of
from ..enums import CapBasis, CustomKind, Rounding, Rule, SizingMethod, TradeState, code
from ..models import Signal, StrategyAccount
from .stopping import Exclusion, UnableToSize, not_stopped

PAPER_FX_AGE = timedelta(hours=96)
LIVE_FX_AGE = timedelta(seconds=60)
# What a buy may take of the available cash: its price, the collar of its limit (RTE-2) and fees, so that a fill at the limit is still paid for.
RESERVE_RATE = UNIT * 10_025 // 10_000
_NEVER_SHORT = {"EQUITY", "ETF", "CRYPTO_SPOT", "BOND"}
_PRICE_SCALE = Decimal(1).scaleb(-8)
_POLICY, _SCOPE = "PRO_RATA", "BLOCK"


@dataclass(frozen=True, slots=True)
class SizedSignal:
    """A signal's sizing with everything it rests on. `accounts` are those inside; rows of `result` follow them."""

    signal: Signal
    instrument: InstrumentFacts
    quote: QuoteFacts
    price: Decimal
    accounts: AccountArrays
    account_ids: list[str]
    request: SizingRequest
    result: SizingResult
    excluded: tuple[Exclusion, ...]
    clauses: Mapping[str, str]

    def statement(self, frozen_at: datetime | None = None) -> AllocationStatement:
        """Return the statement this sizing makes; without an instant it is a preview's."""
        return statement_of(
            self.request,
            self.result,
            currencies=self.accounts.currencies,
            policy=_POLICY,
            price_scope=_SCOPE,
            journey_id=str(self.signal.journey_id),
            frozen_at=frozen_at,
            excluded=[(e.account_id, e.finding) for e in self.excluded],
        )


def size_signal(*, signal: Signal, now: datetime, tradable: Sequence[UUID] | None = None, priced_at: datetime | None = None) -> SizedSignal:
    """Size a signal for every follower (or those it names), as of `now`.

    tradable: accounts the requester may trade; None for the house's own sources. priced_at: the instant of prices and rates, for a release
    that must find what its preview found (books, authorities, blocks are always today's). Raises UnableToSize without a price or anybody to
    size for.
    """
    priced_at = priced_at or now
    instrument = market.instrument(signal.instrument_id)
    quote = market.latest_quotes(instrument_ids=[instrument.id], now=priced_at).get(instrument.id)
    if quote is None:
        raise UnableToSize("CON-5", f"no price of {instrument.symbol} at or before {priced_at:%Y-%m-%d %H:%M:%S} UTC", field="symbol")
    price = _price(quote)
    if price is None:
        raise UnableToSize("CON-5", f"{instrument.symbol} has neither a last trade nor two sides to price it by", field="symbol")
    followers, multipliers = _followers(signal, tradable)
    if not followers:
        raise UnableToSize("ACC-2", "no account that you may trade follows this strategy", field="strategy", value=signal.strategy.code)
    arrays = accounts.account_arrays(account_ids=followers, sleeve_id=signal.strategy.sleeve_id, instrument=instrument, now=priced_at)
    arrays, stopped = not_stopped(arrays, signal)
    if not len(arrays.ids):
        raise UnableToSize("GOV-10", "a kill switch stops every account", excluded=[e.account_id for e in stopped])
    arrays, unauthorised = _with_authority(arrays, signal, instrument, now)
    excluded = stopped + unauthorised
    if not len(arrays.ids):
        raise UnableToSize("GOV-2", "no account has a valid authority", excluded=[e.account_id for e in excluded])
    texts = uuid_texts(arrays.ids)
    limits, mandate_cap, clauses = _limits(arrays, signal, instrument, price, now)
    fx_num, fx_den = _rates(arrays, instrument, priced_at)
    amount: dict[str, Any] = _amount(signal, texts, arrays, multipliers, price)
    request = SizingRequest(
        method=SizingMethod(signal.method),
        rounding=None if _is_block(signal) else Rounding(signal.strategy.rounding),
        cap_basis=CapBasis(signal.strategy.cap_basis),
        account_ids=texts,
        instrument_ids=[str(instrument.id)],
        block_ids=[signal.tie_seed],
        tie_names=arrays.codes,
        currency=arrays.currency,
        currency_exponent=np.array(arrays.exponents, dtype=np.int64),
        equity=arrays.equity,
        available=arrays.available,
        balance=arrays.balance,
        price=to_scaled([price], field="price"),
        multiplier=to_scaled([instrument.multiplier], field="multiplier"),
        lot_step=to_scaled([instrument.lot_step], field="lot_step"),
        min_quantity=to_scaled([instrument.min_quantity], field="min_quantity"),
        min_notional=to_scaled([instrument.min_notional], field="min_notional"),
        position=arrays.position[:, None],
        open_buy=arrays.open_buy[:, None],
        open_sell=arrays.open_sell[:, None],
        class_cap=_known_caps(arrays.class_cap)[:, None],
        mandate_cap=_known_caps(mandate_cap)[:, None],
        limits=limits,
        fx_num=fx_num,
        fx_den=fx_den,
        **amount,
    )
    try:
        result = size(request)
    except BeyondScale as error:
        raise UnableToSize("CON-1", f"{instrument.symbol}: {error}", field="figure") from error
    return SizedSignal(signal, instrument, quote, price, arrays, texts, request, result, excluded, clauses)


def _price(quote: QuoteFacts) -> Decimal | None:
    """Return the last trade, else the middle of both sides, rounded half-up to the scale of prices (the one place where it is rounded)."""
    if quote.last is not None or quote.mid is None:
        return quote.last
    return quote.mid.quantize(_PRICE_SCALE, rounding=ROUND_HALF_UP)


def _is_block(signal: Signal) -> bool:
    return signal.method in {SizingMethod.EQUAL, SizingMethod.EQUITY, SizingMethod.AVAILABLE, SizingMethod.BALANCE}


def _followers(signal: Signal, tradable: Sequence[UUID] | None) -> tuple[list[UUID], dict[bytes, int]]:
    rows = StrategyAccount.objects.filter(strategy_id=signal.strategy_id, is_active=True)
    if signal.account_ids:
        rows = rows.filter(account_id__in=signal.account_ids)
    found = dict(rows.values_list("account_id", "multiplier"))
    if tradable is not None:
        allowed = set(tradable)
        found = {account: multiplier for account, multiplier in found.items() if account in allowed}
    scaled = {account.bytes: int(multiplier * UNIT) for account, multiplier in found.items() if multiplier != 1}
    return list(found), scaled


def _with_authority(
    arrays: AccountArrays, signal: Signal, instrument: InstrumentFacts, now: datetime
) -> tuple[AccountArrays, tuple[Exclusion, ...]]:
    """Leave out every account without a valid authority for this order (GOV-1, GOV-2, ACC-1)."""
    opens = signal.method not in {SizingMethod.CLOSE}
    ask = AuthorityAsk(instrument_kind=instrument.kind, symbols=(instrument.symbol,), opens=opens)
    verdict = governance.authority_verdict(
        account_ids=arrays.uuids,
        account_classes=arrays.class_names,
        base_currencies=[arrays.currencies[c] for c in arrays.currency.tolist()],
        ask=ask,
        now=now,
    )
    out = np.flatnonzero(verdict.codes)
    if not len(out):
        return arrays, ()
    texts = uuid_texts(arrays.ids[out])
    findings = list(AuthorityFinding)
    excluded = tuple(
        Exclusion(texts[k], arrays.codes[i], findings[int(verdict.codes[i]) - 1].value, verdict.reason(i))
        for k, i in enumerate(out.tolist())
    )
    return arrays.take(np.flatnonzero(verdict.codes == 0)), excluded


def _limits(
    arrays: AccountArrays, signal: Signal, instrument: InstrumentFacts, price: Decimal, now: datetime
) -> tuple[Limits, Ints, Mapping[str, str]]:
    mandated = MandatedInstrument(
        instrument_id=str(instrument.id),
        kind=instrument.kind,
        issuer_ids=frozenset({str(instrument.issuer_id)} if instrument.issuer_id else ()),
        sectors=frozenset({instrument.sector} if instrument.sector else ()),
    )
    mandates = governance.mandate_limits(mandate_ids=arrays.mandate_ids, instrument=mandated, now=now)
    restricted = governance.restriction_state(
        instrument_id=instrument.id, issuer_id=instrument.issuer_id, underlying_id=instrument.underlying_id, now=now
    )
    states = {RestrictionState.NONE: TradeState.NONE, RestrictionState.CLOSE_ONLY: TradeState.CLOSE_ONLY}
    never_short = np.int64(instrument.kind in _NEVER_SHORT)
    limits = Limits(
        trading_block=arrays.blocked[:, None].astype(np.int64),
        restricted=np.array([[code(states.get(restricted, TradeState.FROZEN))]], dtype=np.int64),
        long_only=np.maximum(mandates.long_only.astype(np.int64), never_short)[:, None],
        allowed=mandates.allowed.astype(np.int64)[:, None],
        buying_power=arrays.available,
        margin_rate=np.array([[RESERVE_RATE]], dtype=np.int64),
        pools=_capacity(signal, len(arrays.ids)),
    )
    return limits, mandates.cap, mandates.clauses


def _capacity(signal: Signal, n: int) -> tuple[PooledRoom, ...]:
    """GOV-6: a capacity-limited strategy shares what there is pro rata."""
    capacity = signal.strategy.capacity_quantity
    if capacity is None:
        return ()
    return (PooledRoom(Rule.CAPACITY, np.zeros(n, dtype=np.int64), to_scaled([capacity], field="capacity_quantity")[:, None]),)


def _rates(arrays: AccountArrays, instrument: InstrumentFacts, now: datetime) -> tuple[Ints, Ints]:
    age = PAPER_FX_AGE if all(c.is_paper for c in arrays.connections) else LIVE_FX_AGE
    ratios = market.fx_ratios(currencies=list(arrays.currencies), to=instrument.currency, now=now, max_age=age)
    num, den = (np.where(ratios.missing, MISSING, column)[:, None] for column in (ratios.num, ratios.den))
    return num, den


def _known_caps(cap: Ints) -> Ints:
    """An account or mandate without a cap of its own is bound by the others: SIZ-2 takes the smallest. No cap at all stays the full equity."""
    return np.where(cap == MISSING, np.int64(10 * UNIT), cap)


def _amount(
    signal: Signal, texts: Sequence[str], arrays: AccountArrays, multipliers: Mapping[bytes, int], price: Decimal
) -> dict[str, Ints]:
    """Return `amount` (and what goes with it) in the unit of the signal's method."""
    n = len(texts)
    extra = _stop(signal, price)
    if signal.method == SizingMethod.CUSTOM:
        return {**_custom(signal, texts), **extra}
    figure = int(to_scaled([signal.figure], field="figure")[0])
    if not multipliers or signal.method not in {SizingMethod.TARGET_WEIGHT, SizingMethod.RISK, SizingMethod.FIXED}:
        return {"amount": np.array([[figure]], dtype=np.int64), **extra}
    scale = np.full(n, UNIT, dtype=object)
    for i, raw in enumerate(arrays.ids):
        scale[i] = multipliers.get(bytes(raw), UNIT)
    scaled = figure * scale // UNIT
    if np.any(np.abs(scaled) >= 2**63):
        raise UnableToSize(
            "CON-1", f"{signal.figure} times an account's multiplier does not fit 64 bits", field="figure", value=signal.figure
        )
    return {"amount": scaled.astype(np.int64)[:, None], **extra}


def _stop(signal: Signal, price: Decimal) -> dict[str, Ints]:
    """Return the distance from the entry to the stop where something is sized by it (SIZ-3); a limit is the worst entry there can be.

    Raises UnableToSize for a stop at the entry, and for levels to be held that are on the wrong side of it.
    """
    entry = signal.limit_price or price
    _refuse_misplaced(signal, entry)
    if signal.method not in {SizingMethod.RISK, SizingMethod.CUSTOM}:
        return {}
    if signal.stop_price is None:
        if signal.method == SizingMethod.RISK:
            raise UnableToSize("SIZ-3", "a risk is sized by the distance to a stop, and none is stated", field="stop_price")
        return {}
    if signal.stop_price == entry:
        raise UnableToSize("SIZ-3", "the stop is at the price: no distance to size by", field="stop_price", value=signal.stop_price)
    return {"stop_distance": to_scaled([abs(entry - signal.stop_price)], field="stop_price")}


def _refuse_misplaced(signal: Signal, entry: Decimal) -> None:
    """Refuse to protect by a stop or target that the entry has passed already."""
    if not signal.protect:
        return
    method = SizingMethod(signal.method)
    figures = [Decimal(figure) for _, figure in signal.per_account.values()] if method is SizingMethod.CUSTOM else [signal.figure]
    side = protected_side(method, [figure for figure in figures if figure is not None])
    levels = OrderTerms(stop_price=signal.stop_price, take_profit_price=signal.take_profit_price)
    for problem in misplaced(side, entry, levels):
        word = "below" if (side > 0) == (problem.field == "stop_price") else "above"
        what = "stop" if problem.field == "stop_price" else "target"
        message = f"the {what} must be {word} the entry at {format_price(entry)}"
        raise UnableToSize("SIZ-3", message, field=problem.field, value=problem.value)


def _custom(signal: Signal, texts: Sequence[str]) -> dict[str, Ints]:
    kinds: NDArray[np.int64] = np.full(len(texts), code(CustomKind.UNLISTED), dtype=np.int64)
    amount = np.zeros((len(texts), 1), dtype=np.int64)
    place = {text: i for i, text in enumerate(texts)}
    for account, (kind, figure) in signal.per_account.items():
        if account in place:
            kinds[place[account]] = code(CustomKind(kind))
            amount[place[account], 0] = to_scaled([Decimal(figure)], field="per_account")[0]
    return {"custom_kind": kinds, "amount": amount}
