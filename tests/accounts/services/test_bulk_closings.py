"""TAX-1…3: closing lots by column is the core's closing of each position, to the share and the cent."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal as D

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.core.lot_selection import Lot
from accounts.core.lots import Trade, apply_trade
from accounts.core.scaled import from_scaled
from accounts.enums import LotMethod
from accounts.services.bulk_closings import ClosingRows, LotTable, close_lots, single_lots, split_net
from base.core.money import minor_unit
from base.core.splitting import largest_remainder

UNIT = 10**8
EPOCH = date(1970, 1, 1)
ON = date(2026, 3, 2)


def days(day: date) -> int:
    return (day - EPOCH).days


def key_of(place: int) -> bytes:
    return place.to_bytes(40, "big")


@given(
    positions=st.lists(
        st.tuples(
            st.sampled_from([1, -1]),
            st.lists(st.tuples(st.integers(1, 10**10), st.integers(0, 10**7), st.integers(0, 800)), min_size=1, max_size=5),
            st.integers(1, 10**12),  # how much of it is closed, in 10⁻¹² of the whole
            st.integers(0, 10**7),
            st.integers(-50, 300),
            st.sampled_from([LotMethod.FIFO, LotMethod.LIFO]),
            st.sampled_from(["USD", "JPY", "USDT"]),
        ),
        min_size=1,
        max_size=6,
    )
)
@settings(max_examples=150, deadline=None)
def test_tax_1_closing_by_column_is_the_cores_closing(positions):
    """Long and short, several lots of a day, odd lots, three minor units, fees and rebates."""
    table, trades, expected = [], [], []
    for place, (side, lots, share, amount, fee, method, currency) in enumerate(positions):
        unit = minor_unit(currency)
        ordered = sorted(lots, key=lambda lot: lot[2])
        held = [
            Lot(f"{place}.{i}", ON - timedelta(lot[2]), ON - timedelta(lot[2]), side * from_scaled(lot[0]), lot[1] * unit, currency)
            for i, lot in reversed(list(enumerate(ordered)))
        ]
        closed = max(sum(lot[0] for lot in lots) * share // 10**12, 1)
        settles = ON + timedelta(1)
        trade = Trade("t", ON, settles, -side * from_scaled(closed), amount * unit, currency, fee=fee * unit)
        expected.append(apply_trade(held, trade, method))
        net = trade.amount - trade.fee if side > 0 else trade.amount + trade.fee
        trades.append((place, closed, int(net * UNIT), method is LotMethod.LIFO, int(unit * UNIT)))
        table += [(place, lot, int(unit * UNIT)) for lot in held]
    n = len(trades)
    rows = ClosingRows(
        key=np.array([key_of(t[0]) for t in trades], "V40"),
        account=np.array([t[0].to_bytes(16, "big") for t in trades], "V16"),
        transaction=np.array([b"t" * 16] * n, "V16"),
        traded=np.full(n, days(ON)),
        settled=np.full(n, days(ON) + 1),
        quantity=np.array([t[1] for t in trades]),
        net=np.array([t[2] for t in trades]),
        last_in=np.array([t[3] for t in trades]),
        unit=np.array([t[4] for t in trades]),
    )
    lots = LotTable(
        key=np.array([key_of(place) for place, _, _ in table], "V40"),
        id=np.array([i.to_bytes(16, "big") for i in range(len(table))], "V16"),
        acquired=np.array([days(lot.acquired_date) for _, lot, _ in table]),
        quantity=np.array([int(lot.quantity * UNIT) for _, lot, _ in table]),
        basis=np.array([int(lot.basis * UNIT) for _, lot, _ in table]),
        unit=np.array([unit for _, _, unit in table]),
    )
    found = close_lots(rows, lots)
    mine = sorted(
        zip(
            [table[int.from_bytes(bytes(one), "big")][1].lot_id for one in found.lot],
            found.quantity.tolist(),
            found.proceeds.tolist(),
            found.basis.tolist(),
            found.recognised.tolist(),
            found.is_long_term.tolist(),
            strict=True,
        )
    )
    theirs = sorted(
        (c.lot_id, int(c.quantity * UNIT), int(c.proceeds * UNIT), int(c.basis * UNIT), days(c.recognised_date), c.long_term)
        for change in expected
        for c in change.closed
    )
    assert mine == theirs
    left = {lot.lot_id: (int(lot.quantity * UNIT), int(lot.basis * UNIT)) for change in expected for lot in change.remaining}
    taken = {table[int.from_bytes(bytes(one), "big")][1].lot_id: i for i, one in enumerate(found.lot)}
    for _, lot, _ in table:
        i = taken.get(lot.lot_id)
        rest = (int(lot.quantity * UNIT), int(lot.basis * UNIT))
        if i is not None:
            rest = (rest[0] - int(found.quantity[i]), rest[1] - int(found.carried[i]))
        assert left.get(lot.lot_id, (0, 0)) == rest


@given(
    groups=st.lists(
        st.tuples(st.integers(-(10**14), 10**14), st.lists(st.integers(1, 10**15), min_size=1, max_size=6)), min_size=1, max_size=5
    )
)
@settings(max_examples=200, deadline=None)
def test_con_2_nets_split_by_largest_remainder(groups):
    net = np.array([total for total, _ in groups])
    group = np.concatenate([np.full(len(weights), i) for i, (_, weights) in enumerate(groups)])
    weight = np.concatenate([np.array(weights) for _, weights in groups])
    expected = [part for total, weights in groups for part in largest_remainder(total, weights, [f"{i:06d}" for i in range(len(weights))])]
    assert split_net(net, group, weight).tolist() == expected


def test_lots_that_hold_less_than_is_closed_are_refused_and_lone_lots_are_told():
    key = np.array([key_of(1), key_of(2)], "V40")
    rows = ClosingRows(
        key[:1],
        np.zeros(1, "V16"),
        np.zeros(1, "V16"),
        np.array([days(ON)]),
        np.array([days(ON)]),
        np.array([11]),
        np.array([UNIT]),
        np.array([False]),
        np.array([10**6]),
    )
    lots = LotTable(key[[0, 1, 1]], np.zeros(3, "V16"), np.array([1, 1, 2]), np.array([10, 10, 10]), np.zeros(3, int), np.full(3, 10**6))
    with pytest.raises(ValueError, match="1 positions hold less"):
        close_lots(rows, lots)
    assert single_lots(key, lots).tolist() == [True, False] and D(1) == from_scaled(UNIT)
