"""Products of arrays with exact rationals, floored without a float ever deciding (CON-1, SIZ-6).

A cell's order in lots is  Δ = (left × right × N − net × P) / D  with whole numbers throughout. Its float64 approximation is fast and
good to about 10⁻¹⁵ of its size, so its nearest whole number k is known; the exact rest  left × right × N − net × P − k × D  is then had
in 64-bit arithmetic *modulo 2⁶⁴*. The true rest is smaller than D, so where D < 2⁶² the wrapped result is the true one, exactly.
Where D is larger (many-digit prices times many-digit rates) the float decides only far from a boundary, and big integers decide near one.

Entry points: `Coefficients` (the rationals N/D per row and instrument), `evaluate`, `muldiv_floor`.
Invariants: 1. floor, sign and "at least half" are exact. 2. Orders beyond `MAX_LOTS` are refused, never wrapped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .scales import MAX_LOTS, BeyondScale, Bools, Floats, Ints

_EXACT = 2**62
_MASK = 2**64 - 1
_NOISE = 2.0**-48

Index = Any  # an index into [rows, instruments] tables: (rows,) for whole rows, (rows, columns) for single cells


@dataclass(frozen=True, slots=True)
class Coefficients:
    """Rationals N/D per (row, instrument), with P = D / lot step to subtract quantities held.

    `known[r, j]` is False where the rational could not be made (missing price or rate); such a cell counts as zero.
    """

    numerators: list[list[int]]
    denominators: list[list[int]]
    nets: list[list[int]]
    slope: Floats
    net_slope: Floats
    num: NDArray[np.uint64]
    den: NDArray[np.uint64]
    net: NDArray[np.uint64]
    big: Bools
    known: Bools

    @classmethod
    def build(cls, ratios: Sequence[Sequence[Fraction | None]], lot_steps: Sequence[int], subtracts: Sequence[bool]) -> Coefficients:
        """Make the tables. `ratios[r][j]`: lots per unit of left × right. `subtracts[r]`: whether row r subtracts quantities held.

        The rows of an instrument share one D where that stays below 2⁶²: their rests can then be compared as integers.
        """
        exacts = [[Fraction(0) if ratio is None else ratio for ratio in row] for row in ratios]
        held_steps = lot_steps if any(subtracts) else [1] * len(lot_steps)
        shared = [lcm(step, *(row[j].denominator for row in exacts)) for j, step in enumerate(held_steps)]
        nums, dens, nets = [], [], []
        for exact, held in zip(exacts, subtracts, strict=True):
            own = [lcm(r.denominator, step) if held else r.denominator for r, step in zip(exact, lot_steps, strict=True)]
            common = [one if one < _EXACT else other for one, other in zip(shared, own, strict=True)]
            dens.append(common)
            nums.append([r.numerator * (d // r.denominator) for r, d in zip(exact, common, strict=True)])
            nets.append([d // step if held else 0 for d, step in zip(common, lot_steps, strict=True)])
        return cls(
            numerators=nums,
            denominators=dens,
            nets=nets,
            slope=np.array([[n / d for n, d in zip(*pair, strict=True)] for pair in zip(nums, dens, strict=True)], dtype=np.float64),
            net_slope=np.array([[n / d for n, d in zip(*pair, strict=True)] for pair in zip(nets, dens, strict=True)], dtype=np.float64),
            num=_wrapped(nums),
            den=_wrapped([[1 if d >= _EXACT else d for d in row] for row in dens]),
            net=_wrapped(nets),
            big=np.array([[d >= _EXACT for d in row] for row in dens], dtype=bool),
            known=np.array([[ratio is not None for ratio in row] for row in ratios], dtype=bool),
        )


def _wrapped(table: list[list[int]]) -> NDArray[np.uint64]:
    return np.array([[value & _MASK for value in row] for row in table], dtype=np.uint64)


@dataclass(frozen=True, slots=True)
class Magnitudes:
    """Exact cells: Δ = sign × (floor + rest/den), 0 ≤ rest < den; `half` says whether rest/den ≥ ½.

    `rest` is exact where D < 2⁶², there den = D; elsewhere rest is 0, den is 1 and `big_part` holds rest/D as float64.
    `approx` is Δ as float64.
    """

    sign: Ints
    floor: Ints
    half: Bools
    rest: Ints
    den: Ints
    approx: Floats
    big_part: Floats | None

    @property
    def part(self) -> Floats:
        """Return rest/D as float64."""
        part = self.rest / self.den
        return part if self.big_part is None else part + self.big_part


def evaluate(table: Coefficients, at: Index, left: Ints, right: Ints, net: Ints | None, *, field: str = "amount") -> Magnitudes:
    """Return Δ = (left × right × N − net × P)/D for the cells of `at`, exact in sign, floor and half.

    left, right, net: int64, broadcastable to the cells. Raises ValueError where a term exceeds `MAX_LOTS` lots.
    """
    approx = left.astype(np.float64) * right.astype(np.float64)
    approx = approx * table.slope[at]
    wrapped = _bits(left) * _bits(right)
    wrapped = wrapped * table.num[at]
    _refuse_overflow(approx, field)
    if net is not None:
        held = net.astype(np.float64)
        held *= table.net_slope[at]
        _refuse_overflow(held, "position")
        approx -= held
        wrapped -= _bits(net) * table.net[at]
    den = table.den[at].view(np.int64)
    nearest = np.rint(approx).astype(np.int64)
    wrapped -= nearest.view(np.uint64) * den.view(np.uint64)
    rest = wrapped.view(np.int64)
    sign = np.sign(nearest)
    zero = sign == 0
    np.sign(rest, out=sign, where=zero)
    rest *= sign
    below = rest < 0
    nearest *= sign
    nearest -= below
    np.add(rest, den, out=rest, where=below)
    part = np.zeros(approx.shape) if table.big.any() else None
    cells = Magnitudes(sign, nearest, rest >= den - rest, rest, den, approx, part)
    if part is not None:
        _settle_big(cells, part, table, at, left, right, net)
    return cells


def _bits(values: Ints) -> NDArray[np.uint64]:
    return np.ascontiguousarray(values).view(np.uint64)


def _refuse_overflow(lots: Floats, field: str) -> None:
    if lots.size and max(float(lots.max()), -float(lots.min())) >= MAX_LOTS:
        worst = lots.flat[int(np.abs(lots).argmax())]
        raise BeyondScale(f"{field}: an order of {worst:.0f} lots is beyond {MAX_LOTS} (CON-1)")


def _settle_big(cells: Magnitudes, parts: Floats, table: Coefficients, at: Index, left: Ints, right: Ints, net: Ints | None) -> None:
    """Overwrite the cells whose D is 2⁶² or more: by float where it is decisive, by big integers where it is not."""
    shape = cells.approx.shape
    big = np.broadcast_to(table.big[at], shape)
    size = np.abs(cells.approx)
    whole = np.floor(size)
    part = size - whole
    doubt = big & (np.abs(part - np.rint(2 * part) / 2) <= _NOISE * (1 + _scale(table, at, left, right, net)))
    cells.sign[big] = np.sign(cells.approx[big]).astype(np.int64)
    cells.floor[big] = whole[big].astype(np.int64)
    parts[big] = part[big]
    cells.half[big] = part[big] >= 0.5
    cells.rest[big] = 0
    for cell in map(tuple, np.argwhere(doubt)):
        exact = exact_cell(table, at, left, right, net, cell, shape)
        floor = abs(exact.numerator) // exact.denominator
        cells.sign[cell] = (exact > 0) - (exact < 0)
        cells.floor[cell] = floor
        parts[cell] = float(abs(exact) - floor)
        cells.half[cell] = 2 * (abs(exact) - floor) >= 1


def _scale(table: Coefficients, at: Index, left: Ints, right: Ints, net: Ints | None) -> Floats:
    scale = np.abs(left.astype(np.float64) * right * table.slope[at])
    return scale if net is None else scale + np.abs(net * table.net_slope[at])


def exact_cell(
    table: Coefficients, at: Index, left: Ints, right: Ints, net: Ints | None, cell: tuple[int, ...], shape: tuple[int, ...]
) -> Fraction:
    """Return one cell of `evaluate` as an exact rational."""

    def pick(values: Any) -> int:
        return int(np.broadcast_to(values, shape)[cell])

    rows, columns = (np.asarray(index) for index in np.indices(table.slope.shape))
    row, column = pick(rows[at]), pick(columns[at])
    total = pick(left) * pick(right) * table.numerators[row][column]
    if net is not None:
        total -= pick(net) * table.nets[row][column]
    return Fraction(total, table.denominators[row][column])


def muldiv_floor(left: Ints, right: Ints, divisor: Ints | int) -> Ints:
    """Return floor(left × right / divisor) exactly, for left, right ≥ 0 and divisor > 0, broadcast together.

    >>> muldiv_floor(np.array([125]), np.array([10_000]), 12_500).tolist()
    [100]

    Raises ValueError where the result does not fit 64 bits.
    """
    a, b, d = (np.ascontiguousarray(np.atleast_1d(x), dtype=np.int64) for x in (left, right, divisor))
    approx = a.astype(np.float64) * (b / d) if b.shape == d.shape else a.astype(np.float64) * b / d
    if approx.size and (float(approx.max()) >= 2.0**50 or int(d.max()) >= _EXACT):
        return _muldiv_big(a, b, d, approx.shape)
    quotient = np.rint(approx).astype(np.int64)
    rest = (_bits(a) * _bits(b) - _bits(quotient) * _bits(d)).view(np.int64)
    quotient -= rest < 0
    return quotient


def _muldiv_big(left: Ints, right: Ints, divisor: Ints, shape: tuple[int, ...]) -> Ints:
    result = np.empty(shape, dtype=np.int64)
    a, b, d = (np.broadcast_to(x, shape) for x in (left, right, divisor))
    for cell in np.ndindex(shape):
        value = int(a[cell]) * int(b[cell]) // int(d[cell])
        if value >= 2**63:
            raise BeyondScale(f"{value} does not fit 64 bits (CON-1)")
        result[cell] = value
    return result
