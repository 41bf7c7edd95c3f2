"""REC-1, REC-4, REC-5: the expectation rolls forward from the last reconciled state and the journal."""

from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciliation.core.expectation import Journal, LedgerState, PendingTable, roll_forward
from reconciliation.core.fixed import SCALE, to_day
from reconciliation.core.snapshot import AmountTable, PositionTable, make_table

FRIDAY, MONDAY, TUESDAY = date(2026, 2, 27), date(2026, 3, 2), date(2026, 3, 3)
PRICES, CURRENCIES = np.array([50 * SCALE, 20 * SCALE]), np.array([0, 0])


def state(positions=(), cash=(), pending=(), as_of=FRIDAY) -> LedgerState:
    money = make_table(AmountTable, cash)
    return LedgerState(as_of, make_table(PositionTable, positions), money, money, make_table(PendingTable, pending))


def rolled(opening: LedgerState, entries: list[tuple[int, ...]], as_of: date = MONDAY) -> LedgerState:
    return roll_forward(opening, make_table(Journal, entries), as_of, PRICES, CURRENCIES, 1)


def test_rec_4_a_purchase_moves_trade_date_cash_now_and_settled_cash_on_its_day():
    opening = state(cash=[(0, 0, 0, 0, 10_000 * SCALE)])
    buy = [(0, 1, -1, 100 * SCALE, to_day(MONDAY), to_day(TUESDAY)), (0, -1, 0, -2_000 * SCALE, to_day(MONDAY), to_day(TUESDAY))]
    monday = rolled(opening, buy)
    assert monday.positions.quantity.tolist() == [100 * SCALE] and monday.positions.price.tolist() == [20 * SCALE]
    assert (monday.cash_td.amount.tolist(), monday.cash_sd.amount.tolist()) == ([8_000 * SCALE], [10_000 * SCALE])
    tuesday = rolled(monday, [], TUESDAY)
    assert tuesday.cash_sd.amount.tolist() == [8_000 * SCALE] and len(tuesday.pending) == 0


def test_rec_1_entries_after_the_date_are_left_out():
    late = [(0, -1, 0, 5, to_day(TUESDAY), to_day(TUESDAY))]
    assert len(rolled(state(), late).cash_td) == 0


def test_rec_1_a_closed_position_is_dropped():
    opening = state(positions=[(0, 1, 0, 7 * SCALE, 0)])
    assert len(rolled(opening, [(0, 1, -1, -7 * SCALE, to_day(MONDAY), to_day(TUESDAY))]).positions) == 0


def test_rec_1_time_does_not_go_back():
    with pytest.raises(ValueError, match="before"):
        rolled(state(as_of=TUESDAY), [])


@given(
    entries=st.lists(
        st.tuples(
            st.integers(0, 2), st.just(-1), st.just(0), st.integers(-1000, 1000), st.integers(20514, 20516), st.integers(20516, 20519)
        ),
        max_size=20,
    )
)
def test_rec_4_once_everything_settled_both_cash_views_agree(entries):
    opening = state()
    for day in range(20514, 20520):
        journal = [entry for entry in entries if entry[4] == day]
        opening = roll_forward(opening, make_table(Journal, journal), date.fromordinal(719163 + day), PRICES, CURRENCIES, 1)
    assert opening.cash_td.amount.tolist() == opening.cash_sd.amount.tolist()
    assert sum(opening.cash_td.amount.tolist()) == sum(entry[3] for entry in entries)
