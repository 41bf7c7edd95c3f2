"""How a parent reaches the market: liquidity test, limit price, sequence, crosses, impact (RTE-1, RTE-2, RTE-4, RTE-5, RTE-6).

Entry points: `choose_route`, `marketable_limit`, `sequence`, `find_crosses`, and the estimates `peak_impact_bps`,
`sequential_impact_bps`, `cost_of_plan`.

Invariants:
1. The liquidity test sees the ControlGroup's quantity (parent plus working parents of the same side), never an account's slice (RTE-1 [H]).
2. A limit price lies on the tick and never beyond the collar; without a usable quote there is none (RTE-2, CON-5).
3. Clients come before own accounts (RTE-4 [H]); the order of the input changes nothing.
4. Two opposite orders of one ControlGroup that could match are never both released; of one owner they are prohibited (RTE-5 [H]).
Impact and cost are estimates in basis points, floats; no money is computed from them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor
from statistics import median, pstdev

from execution.enums import QuoteProblem, RouteKind, TaxClass
from market.enums import Side

WINDOW = 20
THRESHOLD = Fraction(5, 100)


@dataclass(frozen=True, slots=True)
class Route:
    """kind, and the figures it rests on: test_quantity against threshold (5% of minute_volume), None where there are no volumes."""

    kind: RouteKind
    test_quantity: int
    minute_volume: Fraction | None
    threshold: Fraction | None


@dataclass(frozen=True, slots=True)
class Quote:
    """Top of book at an instant; None where a side is missing. Bands are the venue's limit-up/limit-down prices."""

    bid: Decimal | None
    ask: Decimal | None
    at: datetime
    is_halted: bool = False
    band_low: Decimal | None = None
    band_high: Decimal | None = None


@dataclass(frozen=True, slots=True)
class SequencedAccount:
    """One account waiting its turn (RTE-4)."""

    account_id: str
    owner_id: str
    tax_class: TaxClass
    own: bool


@dataclass(frozen=True, slots=True)
class WorkingOrder:
    """An order that could meet another one. limit None: any price."""

    order_id: str
    control_group_id: str
    owner_id: str
    instrument_id: str
    side: Side
    limit: Decimal | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Cross:
    """held: the later order, not to be released while `against` works. prohibited: same owner, a wash trade; else ALC-9 decides."""

    held: str
    against: str
    prohibited: bool


def choose_route(
    quantity: int, volumes: Sequence[int], *, working_same_side: int = 0, minimum_participation_allowed: bool = False
) -> Route:
    """Choose a marketable limit below 5% of the median one-minute volume, else TWAP.

    quantity, working_same_side: units of the parent and of the ControlGroup's working parents on this side.
    volumes: completed regular minutes without auctions, oldest first; the last 20 count.

    >>> [choose_route(q, [12_000] * 20).kind.value for q in (599, 600)]
    ['MARKETABLE_LIMIT', 'TWAP']

    Without volumes (or with a median of nothing): TWAP at minimum participation where allowed, else a person. Source: RTE-1.
    """
    tested = quantity + working_same_side
    volume = Fraction(median([Fraction(v) for v in volumes[-WINDOW:]])) if volumes else Fraction(0)
    if volume <= 0:
        return Route(RouteKind.TWAP_MINIMUM if minimum_participation_allowed else RouteKind.MANUAL, tested, None, None)
    threshold = THRESHOLD * volume
    return Route(RouteKind.MARKETABLE_LIMIT if tested < threshold else RouteKind.TWAP, tested, volume, threshold)


def marketable_limit(
    side: Side, quote: Quote, *, tick: Decimal, now: datetime, max_age: timedelta, collar_bps: Decimal = Decimal(10)
) -> Decimal | QuoteProblem:
    """Return the limit of an IOC order: the opposite quote plus the collar, on the tick, rounded toward passive; or why there is none.

    >>> from datetime import UTC
    >>> t = datetime(2026, 1, 5, 15, tzinfo=UTC)
    >>> book, terms = Quote(Decimal("50.01"), Decimal("50.03"), t), dict(tick=Decimal("0.01"), now=t, max_age=timedelta(seconds=2))
    >>> marketable_limit(Side.BUY, book, **terms), marketable_limit(Side.SELL, book, **terms)
    (Decimal('50.08'), Decimal('49.96'))

    Raises ValueError if the tick is not positive. Source: RTE-2.
    """
    if tick <= 0:
        raise ValueError(f"tick {tick} is not positive")
    opposite = quote.ask if side.is_buy else quote.bid
    problem = _problem(opposite, quote, now, max_age)
    if problem is not None or opposite is None:
        return problem or QuoteProblem.NO_QUOTE
    ticks = Fraction(opposite) * (10_000 + side.sign * Fraction(collar_bps)) / (10_000 * Fraction(tick))
    limit = (floor(ticks) if side.is_buy else ceil(ticks)) * tick
    beyond = (quote.band_high is not None and limit > quote.band_high) or (quote.band_low is not None and limit < quote.band_low)
    return QuoteProblem.BEYOND_BAND if beyond or limit <= 0 else limit


def _problem(needed: Decimal | None, quote: Quote, now: datetime, max_age: timedelta) -> QuoteProblem | None:
    if quote.is_halted:
        return QuoteProblem.HALTED
    if needed is None or needed <= 0:
        return QuoteProblem.NO_QUOTE
    if quote.bid is not None and quote.ask is not None and quote.bid > quote.ask:
        return QuoteProblem.CROSSED
    return QuoteProblem.STALE if now - quote.at > max_age else None


def sequence(accounts: Sequence[SequencedAccount], rotation: Mapping[str, int]) -> list[SequencedAccount]:
    """Order unpooled accounts: clients before own; across owners by rotation; inside one owner sheltered, entity, taxable, then rotation.

    rotation: turn of every owner and every account by id, smaller first (frozen in the statement).

    Raises ValueError if an owner or account has no turn. Source: RTE-4.
    """
    lost = sorted({x for account in accounts for x in (account.owner_id, account.account_id)} - rotation.keys())
    if lost:
        raise ValueError(f"no turn in the rotation for {lost}")
    rank = {tax_class: i for i, tax_class in enumerate(TaxClass)}

    def turn(account: SequencedAccount) -> tuple[bool, int, str, int, int, str]:
        owner, own = account.owner_id, rotation[account.account_id]
        return account.own, rotation[owner], owner, rank[account.tax_class], own, account.account_id

    return sorted(accounts, key=turn)


def find_crosses(orders: Sequence[WorkingOrder]) -> list[Cross]:
    """Return every pair of opposite orders of one ControlGroup and instrument that could match; the later one is to be held.

    Source: RTE-5 (Exchange Act 9(a)(1), CEA 4c, CME 534).
    """
    groups: dict[tuple[str, str], tuple[list[WorkingOrder], list[WorkingOrder]]] = {}
    for order in orders:
        buys, sells = groups.setdefault((order.control_group_id, order.instrument_id), ([], []))
        (buys if order.side.is_buy else sells).append(order)
    crosses = []
    for buys, sells in groups.values():
        for buy in buys:
            for sell in sells:
                if buy.limit is None or sell.limit is None or buy.limit >= sell.limit:
                    earlier, later = sorted((buy, sell), key=lambda order: (order.created_at, order.order_id))
                    crosses.append(Cross(later.order_id, earlier.order_id, buy.owner_id == sell.owner_id))
    return sorted(crosses, key=lambda cross: (cross.held, cross.against))


def peak_impact_bps(quantity: float, *, volume: float, sigma_bps: float, y: float = 1.0) -> float:
    """Return Y·σ·√(Q/V), basis points; the average paid is two thirds of it (RTE-6).

    >>> round(peak_impact_bps(10_000, volume=2e6, sigma_bps=200), 2)
    14.14
    """
    return float(y * sigma_bps * (quantity / volume) ** 0.5)


def sequential_impact_bps(quantities: Sequence[float], *, volume: float, sigma_bps: float, y: float = 1.0) -> list[float]:
    """Return what accounts pay on average if they trade one after the other: the sum moves the price, the order only redistributes it
    (RTE-6).

    >>> [round(x, 2) for x in sequential_impact_bps([4000, 2500, 1800, 700, 1000], volume=2e6, sigma_bps=200)]
    [5.96, 10.22, 12.16, 13.15, 13.78]
    """
    paid, done = [], 0.0
    for quantity in quantities:
        before, done = done, done + quantity
        area = (done**1.5 - before**1.5) * 2 / 3
        paid.append(float(y * sigma_bps * area / (volume**0.5 * quantity)) if quantity else 0.0)
    return paid


def cost_of_plan(
    *,
    spread_bps: float,
    impact_bps: float,
    sigma_bps: float,
    hours: float,
    account_prices: Sequence[float],
    fees_bps: float,
    risk_aversion: float,
    fairness_weight: float,
) -> float:
    """Return J = spread/2 + average impact + λ₁·σ·√T + λ₂·sd(account prices) + fees, basis points; the smaller plan wins, a block on ties
    (RTE-6).

    account_prices: expected average price per account in basis points from arrival; sigma_bps per square-root hour.
    """
    spread_between = pstdev(account_prices) if len(account_prices) > 1 else 0.0
    waiting = float(risk_aversion * sigma_bps * hours**0.5)
    return spread_bps / 2 + impact_bps + waiting + fairness_weight * spread_between + fees_bps
