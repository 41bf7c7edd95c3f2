"""RTE-3: slices in whole lots, what is odd with the last one, and what each slice orders."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType
from uuid import UUID

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.queries import ConnectionFacts, RoutingFacts
from execution.services.planning import UNIT, SidePlan, due_quantity, side_plan, slice_rows
from market.enums import Side

AT = datetime(2026, 3, 2, 15, 30, tzinfo=UTC)


def lane(number: int, *, pools: bool) -> ConnectionFacts:
    clearing = UUID(int=900 + number) if pools else None
    return ConnectionFacts(
        UUID(int=number), f"C{number}", "paper", pools, clearing, UUID(int=1), True, "", MappingProxyType({}), True, "CUSTODIAN"
    )


def plan_of(quantities: list[int], *, pooled: int = 0) -> SidePlan:
    """Return a plan of buys: the first `pooled` accounts in a block, the others alone. quantities: UNIT = 1."""
    n = len(quantities)
    routing = RoutingFacts(
        connection=np.array([0 if i < pooled else 1 for i in range(n)]),
        connections=(lane(1, pools=True), lane(2, pools=False)),
        owner_ids=np.array([UUID(int=500 + i).bytes for i in range(n)], dtype="V16"),
        is_own=np.zeros(n, dtype=bool),
        classes=np.zeros(n, dtype=np.int64),
        class_legend=("PERSONAL",),
        codes=np.array([f"A{i}" for i in range(n)], dtype=object),
    )
    ids = np.array([UUID(int=100 + i).bytes for i in range(n)], dtype="V16")
    return side_plan(side=Side.BUY, ids=ids, quantity=np.array(quantities, dtype=np.int64), routing=routing, seed="s")


def ordered(plan: SidePlan, lot: int, volume: Decimal | None) -> tuple[list[list[int]], list[int], int]:
    """Return what each slice orders by row when everything fills, the slices, and the carry."""
    rows, carry = slice_rows(plan, lot, volume, start=AT, seed="J")
    done: dict[bytes, int] = {}
    found = []
    for row in rows:
        quantity = due_quantity(plan, lot, [r.quantity for r in rows], row.number, done=done, seed="J")
        for entry in plan.entries:
            key = UUID(int=901).bytes if entry.is_block else bytes(plan.ids[int(entry.rows[0])])
            done[key] = done.get(key, 0) + int(quantity[entry.rows].sum())
        found.append(quantity.tolist())
    return found, [row.quantity for row in rows], carry


def test_rte_3_large_accounts_are_split_at_every_slice_and_small_ones_served_whole():
    found, parts, carry = ordered(plan_of([600 * UNIT, 180 * UNIT, 20 * UNIT], pooled=1), UNIT, Decimal(12_000))
    assert parts == [160 * UNIT] * 5 and carry == 0
    assert all(row[0] > 0 and row[1] > 0 for row in found)
    assert sorted(row[2] for row in found) == [0, 0, 0, 0, 20 * UNIT]
    assert [sum(column) for column in zip(*found, strict=True)] == [600 * UNIT, 180 * UNIT, 20 * UNIT]


def test_siz_5_an_odd_residue_goes_with_the_last_slice_and_every_other_is_whole_lots():
    """A close of 1.23456789 coins at a step of 0.0001: only the last order is not on the step."""
    step = UNIT // 10_000
    found, parts, _ = ordered(plan_of([123_456_789, 2 * UNIT]), step, Decimal(500))
    assert [part % step for part in parts[:-1]] == [0] * (len(parts) - 1) and parts[-1] % step == 6_789
    assert all(quantity % step == 0 for row in found[:-1] for quantity in row)
    assert [sum(column) for column in zip(*found, strict=True)] == [123_456_789, 2 * UNIT]


def test_siz_5_nothing_but_residues_is_one_slice_at_once():
    found, parts, carry = ordered(plan_of([6_789, 50]), UNIT, None)
    assert (found, parts, carry) == ([[6_789, 50]], [6_839], 0)


def test_rte_1_an_instrument_that_nobody_trades_goes_at_the_longest_time():
    for volume in (None, Decimal(0)):
        found, parts, carry = ordered(plan_of([300 * UNIT]), UNIT, volume)
        assert parts == [20 * UNIT] * 15 and carry == 0 and len(found) == 15


def test_rte_3_what_does_not_fit_in_fifteen_minutes_is_carried():
    found, parts, carry = ordered(plan_of([20_000 * UNIT, 10_000 * UNIT]), UNIT, Decimal(12_000))
    assert sum(parts) == 18_000 * UNIT and carry == 12_000 * UNIT
    assert [sum(column) for column in zip(*found, strict=True)] == [12_000 * UNIT, 6_000 * UNIT]


@settings(max_examples=60)
@given(
    quantities=st.lists(st.integers(1, 5_000 * UNIT), min_size=1, max_size=5),
    pooled=st.integers(0, 3),
    lot=st.sampled_from([UNIT, UNIT // 1000, 10 * UNIT, 3 * UNIT]),
)
def test_rte_3_all_slices_together_order_the_plan_and_never_more(quantities: list[int], pooled: int, lot: int):
    plan = plan_of(quantities, pooled=min(pooled, len(quantities)))
    found, parts, carry = ordered(plan, lot, Decimal(10**6))
    assert carry == 0 and sum(parts) == plan.total
    totals = np.array(found, dtype=object).sum(axis=0)
    for entry in plan.entries:
        assert totals[entry.rows].sum() == plan.quantity[entry.rows].sum()
        for row in found[:-1]:
            assert sum(row[i] for i in entry.rows.tolist()) % lot == 0
