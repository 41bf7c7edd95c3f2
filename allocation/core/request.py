"""What sizing needs to know about one signal: accounts × instruments, as arrays.

Entry points: `SizingRequest` (the signal, the accounts, the instruments) and `Limits` (what may clip it). Scales: `allocation.core.scales`.
Every array is checked when the request is made; n accounts, m instruments, c currencies. "n|1 × m|1" arrays may have length 1 on an axis.

Invariants: 1. Exact integers only. 2. `MISSING` means "not known" and leads to a reason, never to a guess (CON-5).
3. Nothing here depends on the order of the accounts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np

from allocation.enums import Authority, CapBasis, CustomKind, Rounding, Rule, SizingMethod, TradeState

from .scales import UNIT, Ints, require

_BLOCKS = {
    SizingMethod.EQUAL,
    SizingMethod.EQUITY,
    SizingMethod.AVAILABLE,
    SizingMethod.BALANCE,
    SizingMethod.RATIO,
    SizingMethod.PERCENT,
}


@dataclass(frozen=True, slots=True)
class ExposureLimit:
    """Bound abs(current + Σ order value × beta) by limit × equity, per account (CST-2).

    rule: SECTOR, FACTOR, GROSS or NET (GROSS counts absolute values). limit: int64[n|1], UNIT = 100% of equity.
    current: int64[n], minor units of base currency, may miss. beta: int64[m], UNIT = 1 (a sector's members 1, others 0).
    """

    rule: Rule
    limit: Ints
    current: Ints
    beta: Ints


@dataclass(frozen=True, slots=True)
class PooledRoom:
    """Bound the sum of same-side opening orders over a group of accounts; what does not fit is cut pro rata (CST-6, GOV-6).

    rule: LEGAL_LIMIT or CAPACITY. group: int64[n], row of `room` per account, −1 = not bound.
    room: int64[g, m], quantity (UNIT = 1) left for buys and for sells each; may miss, which leaves none.
    """

    rule: Rule
    group: Ints
    room: Ints


@dataclass(frozen=True, slots=True)
class Limits:
    """Everything that may clip an order; None = the rule does not apply to this signal.

    authority: int[n], codes of `Authority`. trading_block, restricted: int[n|1, m|1], codes of `TradeState`.
    long_only, allowed (mandate permits the instrument): 0/1 [n|1, m|1].
    position: int64[n|1, m|1], most abs(value) as a share of equity. adv: int64[1|n, m], most quantity an order (share × ADV), may miss.
    buying_power: int64[n], minor units available for opening orders (ACC-4/7: open orders and reserves already taken off), may miss.
    proceeds_usable: 0/1 [n], whether this basket's own sales pay for its buys. margin_rate: int64[n|1, m|1], buying power used per value.
    soft: int64[n|1, m|1], most quantity by tax or cost. A missing limit counts as no room.
    """

    authority: Ints | None = None
    trading_block: Ints | None = None
    restricted: Ints | None = None
    long_only: Ints | None = None
    allowed: Ints | None = None
    position: Ints | None = None
    adv: Ints | None = None
    buying_power: Ints | None = None
    proceeds_usable: Ints | None = None
    margin_rate: Ints | None = None
    soft: Ints | None = None
    exposures: tuple[ExposureLimit, ...] = ()
    pools: tuple[PooledRoom, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SizingRequest:
    """One signal for n accounts and m instruments.

    method, rounding, cap_basis: see `allocation.enums`. cap_basis None: notional, but loss at stop for RISK (SIZ-2).
    amount: int64[n|1, m|1], UNIT = 1 unit or 100%, signed (+ buy); its meaning by method stands with `SizingMethod`.
    account_ids [n], instrument_ids [m], block_ids [m]: text. tie_names [n]: what accounts are called where a tie is broken by
    SHA-256(`block_id|name`) (CON-2); their ids where none are given.
    currency: int64[n], row of the rates. currency_exponent: int64[c], decimals of the minor unit.
    equity, available, balance: int64[n], minor units of the account's currency, may miss. ratio: int64[n], for RATIO and PERCENT.
    price, multiplier, lot_step: int64[m], UNIT = 1, > 0; price may miss. stop_distance: int64[m], for RISK.
    fx_num, fx_den: int64[c, m]: 1 unit of account currency = num/den units of the instrument's quote currency; may miss.
    position: int64[n, m] of the signal's sleeve, signed; open_buy, open_sell: int64[n, m] ≥ 0, quantity of working orders.
    class_cap, mandate_cap: int64[n|1, m|1]; instrument_cap: int64[m]: SIZ-2 caps, UNIT = 100% of equity.
    min_quantity: int64[m]; min_notional: int64[m] in quote currency; bump_to_min: 0/1 [n|1, m|1] (SIZ-5).
    custom_kind: int64[n], codes of `CustomKind`. trace: keep the value after every rule.

    Raises ValueError naming field, value and rule for anything that is not a well-formed number.
    """

    method: SizingMethod
    amount: Ints
    account_ids: Sequence[str]
    instrument_ids: Sequence[str]
    block_ids: Sequence[str]
    currency: Ints
    currency_exponent: Ints
    equity: Ints
    price: Ints
    multiplier: Ints
    lot_step: Ints
    fx_num: Ints
    fx_den: Ints
    rounding: Rounding | None = None
    cap_basis: CapBasis | None = None
    position: Ints | None = None
    open_buy: Ints | None = None
    open_sell: Ints | None = None
    available: Ints | None = None
    balance: Ints | None = None
    ratio: Ints | None = None
    stop_distance: Ints | None = None
    class_cap: Ints | None = None
    mandate_cap: Ints | None = None
    instrument_cap: Ints | None = None
    min_quantity: Ints | None = None
    min_notional: Ints | None = None
    bump_to_min: Ints | None = None
    custom_kind: Ints | None = None
    tie_names: Sequence[str] | None = None
    limits: Limits = field(default_factory=Limits)
    trace: bool = True

    @property
    def shape(self) -> tuple[int, int]:
        """Return (accounts, instruments)."""
        return len(self.account_ids), len(self.instrument_ids)

    @property
    def tie_names_used(self) -> Sequence[str]:
        """Return the names of the accounts where ties are broken: those given, else the ids (CON-2)."""
        return self.account_ids if self.tie_names is None else self.tie_names

    @property
    def is_block(self) -> bool:
        """Return whether `amount` is one quantity to be shared out."""
        return self.method in _BLOCKS

    @property
    def rounding_used(self) -> Rounding:
        """Return the rounding asked for, else largest remainder for shared blocks and floor for the rest (SIZ-5)."""
        return self.rounding or (Rounding.LARGEST_REMAINDER if self.is_block else Rounding.FLOOR)

    @property
    def cap_basis_used(self) -> CapBasis:
        """Return the basis asked for, else the method's own (SIZ-2)."""
        return self.cap_basis or (CapBasis.LOSS_AT_STOP if self.method is SizingMethod.RISK else CapBasis.NOTIONAL)

    def __post_init__(self) -> None:
        for name, value in checked_fields(self).items():
            object.__setattr__(self, name, value)
        _check_sense(self)

    def rows(self, start: int, stop: int) -> SizingRequest:
        """Return the same request for accounts start..stop, without checking it again."""
        part = object.__new__(SizingRequest)
        n = self.shape[0]
        for item in fields(self):
            value = getattr(self, item.name)
            if item.name in _PER_ACCOUNT or item.name in ("account_ids", "tie_names"):
                value = _cut(value, n, start, stop)
            object.__setattr__(part, item.name, value)
        limits = {name: _cut(getattr(self.limits, name), n, start, stop) for name in _LIMITS_PER_ACCOUNT}
        exposures = tuple(
            replace(e, limit=_cut(e.limit, n, start, stop), current=_cut(e.current, n, start, stop)) for e in self.limits.exposures
        )
        object.__setattr__(part, "limits", replace(self.limits, **limits, exposures=exposures))
        return part


_PER_ACCOUNT = {
    *("amount", "currency", "equity", "available", "balance", "ratio", "position", "open_buy", "open_sell"),
    *("class_cap", "mandate_cap", "bump_to_min", "custom_kind"),
}
_LIMITS_PER_ACCOUNT = (
    *("authority", "trading_block", "restricted", "long_only", "allowed", "position", "adv"),
    *("buying_power", "proceeds_usable", "margin_rate", "soft"),
)


def _cut(value: Any, n: int, start: int, stop: int) -> Any:
    return value if value is None or len(value) != n else value[start:stop]


def checked_fields(request: SizingRequest) -> dict[str, Any]:
    """Return the request's arrays, checked and as contiguous int64. Raises ValueError naming field, value and rule."""
    n, m = request.shape
    c = len(request.currency_exponent)
    cells = [(n, m), (1, m), (n, 1), (1, 1)]
    spec: dict[str, dict[str, Any]] = {
        "amount": {"shapes": cells, "may_miss": True, "rule": "SIZ-4"},
        "currency": {"shapes": [(n,)], "least": 0, "most": c - 1, "rule": "SIZ-1"},
        "currency_exponent": {"shapes": [(c,)], "least": 0, "most": 12, "rule": "CON-1"},
        "price": {"shapes": [(m,)], "least": 1, "may_miss": True, "rule": "SIZ-1"},
        "stop_distance": {"shapes": [(m,)], "least": 1, "may_miss": True, "rule": "SIZ-3"},
        "multiplier": {"shapes": [(m,)], "least": 1, "rule": "SIZ-1"},
        "lot_step": {"shapes": [(m,)], "least": 1, "rule": "SIZ-5"},
        "position": {"shapes": [(n, m)], "rule": "SIZ-1"},
        "ratio": {"shapes": [(n,)], "least": 0, "rule": "SIZ-4"},
        "custom_kind": {"shapes": [(n,)], "least": 0, "most": len(CustomKind) - 1, "rule": "SIZ-4"},
        "bump_to_min": {"shapes": cells, "least": 0, "most": 1, "rule": "SIZ-5"},
        "instrument_cap": {"shapes": [(m,)], "least": 0, "rule": "SIZ-2"},
    }
    spec |= {name: {"shapes": [(n,)], "may_miss": True, "rule": "SIZ-1"} for name in ("equity", "available", "balance")}
    spec |= {name: {"shapes": [(c, m)], "least": 1, "may_miss": True, "rule": "SIZ-1"} for name in ("fx_num", "fx_den")}
    spec |= {name: {"shapes": [(n, m)], "least": 0, "rule": "SIZ-1"} for name in ("open_buy", "open_sell")}
    spec |= {name: {"shapes": cells, "least": 0, "rule": "SIZ-2"} for name in ("class_cap", "mandate_cap")}
    spec |= {name: {"shapes": [(m,)], "least": 0, "rule": "SIZ-5"} for name in ("min_quantity", "min_notional")}
    arrays = {name: require(name, getattr(request, name), **rule) for name, rule in spec.items() if getattr(request, name) is not None}
    return arrays | {"limits": _checked_limits(request.limits, n, m)}


def _checked_limits(limits: Limits, n: int, m: int) -> Limits:
    cells = [(n, m), (1, m), (n, 1), (1, 1)]
    states, flag = {"least": 0, "most": len(TradeState) - 1}, {"least": 0, "most": 1}
    spec: dict[str, dict[str, Any]] = {
        "authority": {"shapes": [(n,)], "least": 0, "most": len(Authority) - 1, "rule": "GOV-2"},
        "trading_block": {"shapes": cells, **states, "rule": "RSK-11"},
        "restricted": {"shapes": cells, **states, "rule": "CST-5"},
        "long_only": {"shapes": cells, **flag, "rule": "CST-3"},
        "allowed": {"shapes": cells, **flag, "rule": "CST-2"},
        "position": {"shapes": cells, "least": 0, "may_miss": True, "rule": "CST-2"},
        "adv": {"shapes": cells, "least": 0, "may_miss": True, "rule": "CST-2"},
        "buying_power": {"shapes": [(n,)], "may_miss": True, "rule": "CST-4"},
        "proceeds_usable": {"shapes": [(n,)], **flag, "rule": "CST-4"},
        "margin_rate": {"shapes": cells, "least": 0, "rule": "CST-4"},
        "soft": {"shapes": cells, "least": 0, "may_miss": True, "rule": "CST-9"},
    }
    arrays = {name: require(name, getattr(limits, name), **rule) for name, rule in spec.items() if getattr(limits, name) is not None}
    exposures = tuple(_checked_exposure(e, n, m) for e in limits.exposures)
    pools = tuple(_checked_pool(p, n, m) for p in limits.pools)
    return replace(limits, **arrays, exposures=exposures, pools=pools)


def _checked_exposure(item: ExposureLimit, n: int, m: int) -> ExposureLimit:
    name = f"exposure {item.rule}"
    return ExposureLimit(
        item.rule,
        np.broadcast_to(require(f"{name} limit", item.limit, [(n,), (1,)], least=0, rule="CST-2"), (n,)),
        require(f"{name} current", item.current, [(n,)], may_miss=True, rule="CST-2"),
        require(f"{name} beta", item.beta, [(m,)], rule="CST-2"),
    )


def _checked_pool(item: PooledRoom, n: int, m: int) -> PooledRoom:
    groups = len(item.room)
    return PooledRoom(
        item.rule,
        require(f"pool {item.rule} group", item.group, [(n,)], least=-1, most=groups - 1, rule="CST-6"),
        require(f"pool {item.rule} room", item.room, [(groups, m)], least=0, may_miss=True, rule="CST-6"),
    )


def _check_sense(request: SizingRequest) -> None:
    """Refuse requests whose parts do not fit their method."""
    n, m = request.shape
    method = request.method
    if len(request.block_ids) != m:
        raise ValueError(f"block_ids: {len(request.block_ids)} for {m} instruments (CON-2)")
    if len(set(request.account_ids)) != n:
        raise ValueError("account_ids: an account is listed twice (CON-2)")
    if len(set(request.tie_names_used)) != n:
        raise ValueError("tie_names: one distinct name an account (CON-2)")
    if request.is_block and request.amount.shape[0] != 1:
        raise ValueError(f"amount: shape {request.amount.shape}, a block is one quantity an instrument (SIZ-4)")
    needed = {
        SizingMethod.AVAILABLE: "available",
        SizingMethod.BALANCE: "balance",
        SizingMethod.RATIO: "ratio",
        SizingMethod.PERCENT: "ratio",
        SizingMethod.RISK: "stop_distance",
        SizingMethod.CUSTOM: "custom_kind",
    }.get(method)
    if needed and getattr(request, needed) is None:
        raise ValueError(f"{needed}: None, but {method} needs it (SIZ-4)")
    if method is SizingMethod.PERCENT and request.ratio is not None and sum(map(int, request.ratio)) != UNIT:
        raise ValueError(f"ratio: the percentages make {sum(map(int, request.ratio))}, not {UNIT} (SIZ-4)")
    if method is SizingMethod.CLOSE and request.amount.size and not (0 <= int(request.amount.min()) <= int(request.amount.max()) <= UNIT):
        raise ValueError(f"amount: a close is between 0 and {UNIT} of the position (SIZ-8)")
    if method is SizingMethod.PERCENT_CHANGE and request.amount.size and int(request.amount.min()) < -UNIT:
        raise ValueError(f"amount: {int(request.amount.min())} takes away more than the position (SIZ-4)")
