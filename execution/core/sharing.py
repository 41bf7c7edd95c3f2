"""Who gets how much of a partly filled block (ALC-4, ALC-5, ALC-6, ALC-7).

Entry points: `share_block` (any policy, terms given as `ShareTerms`), `shortfalls` (what is still owed), `next_queue` (rotation's memory),
`chase_is_worthwhile` (ALC-5).

Invariants:
1. Shares sum to min(filled, Σ targets); what was filled above Σ targets is `excess`, for the error account, never for clients (ALC-8).
2. No share exceeds its target, none is negative.
3. Permuting accounts permutes shares and changes nothing else (ties by CON-2; rotation and tiers are given by account).
4. Own accounts never rank above clients (ALC-4 P6 [H]).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from base.core.splitting import tie_keys
from execution.core.apportion import apportion_capped
from execution.enums import SharePolicy


class UnableToShare(Exception):
    """The frozen terms cannot be applied: `code` says why, `context` where."""

    def __init__(self, code: str, context: Mapping[str, object]) -> None:
        super().__init__(f"{code} {dict(context)}")
        self.code = code
        self.context = context


@dataclass(frozen=True, slots=True)
class Target:
    """One account of a block. quantity: whole units of the instrument's quantity step, ≥ 0.

    tier: P6, lower is served first. own: an account of the manager. closing: this order closes the account's position (waives the
    minimum, ALC-7).
    """

    account_id: str
    quantity: int
    tier: int = 0
    own: bool = False
    closing: bool = False


@dataclass(frozen=True, slots=True)
class ShareTerms:
    """What the allocation statement froze about sharing.

    seed: block id of the tie keys (CON-2) and of P4's order. lot: P2, units. minimum: P5, units. queue: P3, account ids, first served
    first.
    """

    policy: SharePolicy = SharePolicy.PRO_RATA
    seed: str = ""
    lot: int = 1
    minimum: int = 0
    queue: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Shares:
    """quantities: units per account, in the order of the targets. excess: units filled above all targets. next_queue: P3's queue of next
    time."""

    quantities: tuple[int, ...]
    excess: int
    next_queue: tuple[str, ...] = ()


def share_block(filled: int, targets: Sequence[Target], terms: ShareTerms) -> Shares:
    """Share `filled` units of a block among its accounts under the frozen terms.

    Guarantees invariants 1–4. Shares of a working block are provisional: largest remainder is not monotone (ALC-3).

    >>> block = [Target(a, q) for a, q in zip("ABCDE", [3333, 2667, 1999, 1251, 750])]
    >>> share_block(8000, block, ShareTerms(seed="BLK-1")).quantities
    (2666, 2134, 1599, 1001, 600)

    Raises ValueError for negative quantities or repeated accounts, UnableToShare for terms that break a hard rule or do not fit the
    accounts.
    Source: ALC-4.
    """
    ids = [target.account_id for target in targets]
    if filled < 0 or any(target.quantity < 0 for target in targets):
        raise ValueError("quantities must not be negative")
    if len(set(ids)) != len(ids):
        raise ValueError("an account stands twice in the block")
    shared = min(filled, sum(target.quantity for target in targets))
    keys = tie_keys(terms.seed, ids)
    quantities = _POLICIES[terms.policy](shared, targets, terms, keys)
    queue = next_queue(terms.queue, targets, quantities) if terms.policy is SharePolicy.ROTATION else ()
    return Shares(tuple(quantities), filled - shared, queue)


def shortfalls(targets: Sequence[int], shares: Sequence[int]) -> list[int]:
    """Return what each account is still owed: the targets of a new block under a new statement (ALC-5), or of one new unpooled order
    (ALC-6).

    >>> shortfalls([3333, 2667, 1999, 1251, 750], [2666, 2134, 1599, 1001, 600])
    [667, 533, 400, 250, 150]

    Unpooled fills themselves are never moved between accounts (ALC-6 [H]).
    """
    return [max(0, target - share) for target, share in zip(targets, shares, strict=True)]


def next_queue(queue: Sequence[str], targets: Sequence[Target], shares: Sequence[int]) -> tuple[str, ...]:
    """Return the queue of the next block: the first account not filled completely leads; if all were, the head goes to the end (P3)."""
    done = {target.account_id for target, share in zip(targets, shares, strict=True) if share >= target.quantity}
    start = next((i for i, account in enumerate(queue) if account not in done), 1)
    return (*queue[start:], *queue[:start])


def chase_is_worthwhile(
    *, sigma_bps: float, hours: float, spread_bps: float, impact_bps: float, shortfall_notional: Decimal, gamma: float = 0.1
) -> bool:
    """Return True if waiting costs more than chasing: γ·σ·√h·notional > (spread/2 + impact)·notional (ALC-5; estimates, stored by the
    caller).

    sigma_bps: volatility per square-root hour. hours: how long the remainder would otherwise wait. Nothing owed is never chased.
    """
    return shortfall_notional > 0 and gamma * sigma_bps * hours**0.5 > spread_bps / 2 + impact_bps


def _pro_rata(filled: int, targets: Sequence[Target], terms: ShareTerms, keys: list[str]) -> list[int]:
    caps = [target.quantity for target in targets]
    return apportion_capped(filled, caps, caps, keys)


def _pro_rata_lot(filled: int, targets: Sequence[Target], terms: ShareTerms, keys: list[str]) -> list[int]:
    """Whole lots first; what is less than a lot completes targets pro rata to what they still miss (ALC-7)."""
    if terms.lot < 1:
        raise UnableToShare("LOT_NOT_POSITIVE", {"lot": terms.lot})
    wanted = [target.quantity for target in targets]
    lots = apportion_capped(filled // terms.lot, wanted, [quantity // terms.lot for quantity in wanted], keys)
    shares = [lot * terms.lot for lot in lots]
    missing = shortfalls(wanted, shares)
    odd = apportion_capped(filled - sum(shares), missing, missing, keys)
    return [share + extra for share, extra in zip(shares, odd, strict=True)]


def _in_order(filled: int, targets: Sequence[Target], order: Sequence[int]) -> list[int]:
    shares = [0] * len(targets)
    for i in order:
        shares[i] = min(filled, targets[i].quantity)
        filled -= shares[i]
    return shares


def _rotation(filled: int, targets: Sequence[Target], terms: ShareTerms, keys: list[str]) -> list[int]:
    place = {account: i for i, account in enumerate(terms.queue)}
    missing = sorted(target.account_id for target in targets if target.account_id not in place)
    if missing or len(place) != len(terms.queue):
        raise UnableToShare("QUEUE_INCOMPLETE", {"missing": missing})
    return _in_order(filled, targets, sorted(range(len(targets)), key=lambda i: place[targets[i].account_id]))


def _random(filled: int, targets: Sequence[Target], terms: ShareTerms, keys: list[str]) -> list[int]:
    """Serve in the order of SHA-256(seed|account): anybody can repeat the draw from the statement."""
    return _in_order(filled, targets, sorted(range(len(targets)), key=keys.__getitem__))


def _below_minimum(shares: Sequence[int], targets: Sequence[Target], minimum: int) -> list[int]:
    """Return who holds less than the minimum without completing a target or closing a position (ALC-7)."""
    return [i for i, (share, x) in enumerate(zip(shares, targets, strict=True)) if share < min(minimum, x.quantity) and not x.closing]


def _minimum_raise(filled: int, targets: Sequence[Target], terms: ShareTerms, keys: list[str]) -> list[int]:
    """Lift small shares to the minimum at the cost of the others; where there is not enough for all minima, the smallest are dropped."""
    floors: dict[int, int] = {}
    while True:
        rest = [0 if i in floors else target.quantity for i, target in enumerate(targets)]
        shares = apportion_capped(filled - sum(floors.values()), rest, rest, keys)
        for i, floor in floors.items():
            shares[i] = floor
        small = [i for i in _below_minimum(shares, targets, terms.minimum) if i not in floors]
        if not small:
            return shares
        floors.update({i: min(terms.minimum, targets[i].quantity) for i in small})
        if sum(floors.values()) > filled:
            return _minimum_drop(filled, targets, terms, keys)


def _minimum_drop(filled: int, targets: Sequence[Target], terms: ShareTerms, keys: list[str]) -> list[int]:
    """Drop as few of the smallest shares as it takes to lift the others to the minimum, as long as the others can hold what was filled."""
    weights = [target.quantity for target in targets]
    shares = apportion_capped(filled, weights, weights, keys)
    candidates = sorted(_below_minimum(shares, targets, terms.minimum), key=lambda i: (weights[i], _reversed(keys[i])))
    room, most = sum(weights) - filled, 0
    while most < len(candidates) and (room := room - weights[candidates[most]]) >= 0:
        most += 1

    def without(count: int) -> list[int]:
        dropped = set(candidates[:count])
        kept = [0 if i in dropped else weight for i, weight in enumerate(weights)]
        return apportion_capped(filled, kept, kept, keys)

    def is_too_few(count: int) -> bool:
        parts = without(count)
        return any(parts[i] < min(terms.minimum, weights[i]) for i in candidates[count:])

    count = bisect_left(range(most), True, key=lambda k: not is_too_few(k))
    return without(count)


def _tiered(filled: int, targets: Sequence[Target], terms: ShareTerms, keys: list[str]) -> list[int]:
    """Serve tier by tier, pro rata inside a tier."""
    clients = [target.tier for target in targets if not target.own]
    ahead = sorted(target.account_id for target in targets if target.own and clients and target.tier < max(clients))
    if ahead:
        raise UnableToShare("OWN_ACCOUNT_ABOVE_CLIENTS", {"rule": "ALC-4", "accounts": ahead})
    shares = [0] * len(targets)
    for tier in sorted({target.tier for target in targets}):
        caps = [target.quantity if target.tier == tier else 0 for target in targets]
        part = apportion_capped(filled, caps, caps, keys)
        shares = [share + more for share, more in zip(shares, part, strict=True)]
        filled -= sum(part)
    return shares


def _equal_capped(filled: int, targets: Sequence[Target], terms: ShareTerms, keys: list[str]) -> list[int]:
    """Pour equal amounts until a target is full; odd units go to the larger target, then the smaller key."""
    shares = [0] * len(targets)
    left = len(targets)
    for i in sorted(range(len(targets)), key=lambda i: (targets[i].quantity, _reversed(keys[i]))):
        shares[i] = min(targets[i].quantity, filled // left)
        filled -= shares[i]
        left -= 1
    return shares


_MIRROR = str.maketrans("0123456789abcdef", "fedcba9876543210")


def _reversed(key: str) -> str:
    """Return a key that sorts the other way round (hexadecimal digits)."""
    return key.translate(_MIRROR)


_Policy = Callable[[int, Sequence[Target], ShareTerms, list[str]], list[int]]
_POLICIES: Mapping[SharePolicy, _Policy] = {
    SharePolicy.PRO_RATA: _pro_rata,
    SharePolicy.PRO_RATA_LOT: _pro_rata_lot,
    SharePolicy.ROTATION: _rotation,
    SharePolicy.RANDOM: _random,
    SharePolicy.MINIMUM_RAISE: _minimum_raise,
    SharePolicy.MINIMUM_DROP: _minimum_drop,
    SharePolicy.TIERED: _tiered,
    SharePolicy.EQUAL_CAPPED: _equal_capped,
}
