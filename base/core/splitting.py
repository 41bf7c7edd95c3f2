"""Exact splitting by largest remainder (CON-2).

Entry points: `largest_remainder` for whole units, `split_money` for amounts.
Invariants: parts sum exactly to the total; the result does not depend on the order of the parts' input
(ties go to the larger remainder, then the larger weight, then the smaller tie key).
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from hashlib import sha256

from .money import from_minor, to_minor


def tie_keys(block_id: str, account_ids: Sequence[str]) -> list[str]:
    """Return each account's tie key, SHA-256(`block_id|account_id`), compared ascending (CON-2)."""
    return [sha256(f"{block_id}|{account_id}".encode()).hexdigest() for account_id in account_ids]


def largest_remainder(total: int, weights: Sequence[int | Fraction], keys: Sequence[str]) -> list[int]:
    """Split `total` whole units in proportion to `weights`.

    total: units, may be negative (the split of −n mirrors that of n). weights: ≥ 0, at least one > 0 unless total is 0.
    keys: one distinct tie key a part (`tie_keys`, or plain ids). Returns units per part, summing exactly to `total`.

    >>> largest_remainder(8000, [3333, 2667, 1999, 1251, 750], ["A", "B", "C", "D", "E"])
    [2666, 2134, 1599, 1001, 600]

    Raises ValueError for negative weights, unequal lengths, or weights that are all zero.
    """
    if len(weights) != len(keys):
        raise ValueError(f"{len(weights)} weights but {len(keys)} keys")
    if total < 0:
        return [-part for part in largest_remainder(-total, weights, keys)]
    if any(weight < 0 for weight in weights):
        raise ValueError("weights must not be negative")
    exact = [Fraction(weight) for weight in weights]
    whole = sum(exact, Fraction(0))
    if whole == 0:
        if total:
            raise ValueError(f"cannot split {total} over weights that are all zero")
        return [0] * len(weights)
    quotas = [total * weight / whole for weight in exact]
    parts = [quota.numerator // quota.denominator for quota in quotas]
    order = sorted(range(len(parts)), key=lambda i: (parts[i] - quotas[i], -exact[i], keys[i]))
    for i in order[: total - sum(parts)]:
        parts[i] += 1
    return parts


def split_money(amount: Decimal, weights: Sequence[int | Fraction], keys: Sequence[str], currency: str) -> list[Decimal]:
    """Split an amount in whole minor units (CON-2); the parts sum exactly to `amount`.

    >>> split_money(Decimal("40.00"), [2666, 2134, 1599, 1001, 600], list("ABCDE"), "USD")
    [Decimal('13.33'), Decimal('10.67'), Decimal('8.00'), Decimal('5.00'), Decimal('3.00')]

    Raises ValueError if `amount` has more decimals than the currency's minor unit.
    """
    minor = to_minor(amount, currency)
    if from_minor(minor, currency) != amount:
        raise ValueError(f"amount {amount} is finer than the minor unit of {currency}")
    return [from_minor(part, currency) for part in largest_remainder(minor, weights, keys)]
