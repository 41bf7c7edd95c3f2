"""ALC-3: booking at the exact average price, to the cent."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from base.core.splitting import split_money, tie_keys
from execution.core.apportion import apportion
from execution.core.booking import book_block, booking_changes
from execution.core.lifecycle import Execution

D = Decimal
FILLS = [Execution(f"E{i}", 0, D(q), D(p)) for i, (q, p) in enumerate([(3000, "50.01"), (3500, "50.03"), (1500, "50.06")])]
SHARES = {"A": 2666, "B": 2134, "C": 1599, "D": 1001, "E": 600}
KEYS = dict(zip(SHARES, tie_keys("BLK-1", list(SHARES)), strict=True))


def book(executions=FILLS, shares=SHARES, revision=0, fees=None, **more):
    return book_block(executions, shares, revision=revision, tie_keys=KEYS, currency="USD", fees=fees, **more)


def test_alc_3_average_price_and_cents():
    booking = book()
    assert booking.avg_px == Fraction("50.028125")
    assert booking.gross == (13_337_498, 10_676_002, 7_999_497, 5_007_815, 3_001_688)
    assert sum(booking.gross) == 40_022_500


def test_alc_3_fees():
    assert book(fees={"COMMISSION": D("40.00")}).fees == {"COMMISSION": (1333, 1067, 800, 500, 300)}


def test_alc_3_largest_remainder_is_not_monotone_in_the_filled_quantity():
    targets, keys = [3333, 2667, 1999, 1251, 750], list(KEYS.values())
    taken_back, before = 0, [0] * 5
    for filled in range(1, 10_001):
        parts = apportion(filled, targets, keys)
        taken_back += any(now < then for now, then in zip(parts, before, strict=True))
        before = parts
    assert taken_back == 425


def test_i4_a_bust_is_booked_as_reversals_and_a_new_booking():
    old = book(fees={"COMMISSION": D("40.00")})
    fewer = {"A": 2166, "B": 1734, "C": 1299, "D": 814, "E": 487}
    new = book([FILLS[0], FILLS[1], Execution("E2", 1, D(0), D("50.06"))], fewer, revision=1, fees={"COMMISSION": D("40.00")})
    changes = booking_changes(old, new)
    assert [(c.account_id, c.is_reversal, c.revision) for c in changes[:4]] == [
        ("A", True, 0),
        ("A", False, 1),
        ("B", True, 0),
        ("B", False, 1),
    ]
    assert sum(c.gross * (-1 if c.is_reversal else 1) for c in changes) == sum(new.gross) - sum(old.gross) == -7_509_000
    assert sum(c.quantity * (-1 if c.is_reversal else 1) for c in changes) == -1500


def test_i4_a_fee_correction_leaves_untouched_accounts_alone():
    old, new = book(fees={"FEE": D("0.05")}), book(revision=1, fees={"FEE": D("0.04")})
    touched = {c.account_id for c in booking_changes(old, new)}
    assert touched and touched < set(SHARES)
    assert booking_changes(old, book(revision=1, fees={"FEE": D("0.05")})) == []


def test_i4_the_first_booking_has_no_reversals_and_a_bust_block_only_has():
    assert not any(c.is_reversal for c in booking_changes(None, book()))
    nothing = book([Execution("E0", 1, D(0), D(50))], dict.fromkeys(SHARES, 0), revision=1)
    assert nothing.avg_px is None and all(c.is_reversal for c in booking_changes(book(), nothing))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shares": {**SHARES, "A": 1}}, "sum to"),
        ({"shares": {**SHARES, "A": 2666 + 2134 + 1, "B": -1}}, "negative"),
        ({"fees": {"F": D("0.001")}}, "finer"),
    ],
)
def test_alc_3_refuses_what_cannot_be_booked(change, message):
    with pytest.raises(ValueError, match=message):
        book(**change)


def test_alc_3_fees_of_nothing_have_no_bearer():
    with pytest.raises(ValueError, match="no quantity"):
        book([], dict.fromkeys(SHARES, 0), fees={"F": D("1.00")})


def test_alc_3_fractional_units_and_contract_sizes():
    fills = [Execution("E", 0, D("0.75"), D("61234.5"))]
    booking = book(fills, {"A": 50, "B": 25}, unit=D("0.01"), multiplier=D(2))
    assert sum(booking.gross) == 9_185_175 and booking.gross == (6_123_450, 3_061_725)


PRICES = st.integers(1, 10**7).map(lambda n: D(n).scaleb(-4))


@given(
    shares=st.lists(st.integers(0, 10**5), min_size=1, max_size=12).filter(any),
    prices=st.lists(PRICES, min_size=1, max_size=5),
    fee=st.integers(0, 10**6),
)
def test_i4_bookings_sum_to_the_block_to_the_cent(shares, prices, fee):
    total = sum(shares)
    parts = apportion(total, [1] * len(prices), [str(i) for i in range(len(prices))])
    fills = [Execution(str(i), 0, D(q), p) for i, (q, p) in enumerate(zip(parts, prices, strict=True))]
    ids = [f"a{i:02}" for i in range(len(shares))]
    keys = tie_keys("B", ids)
    booking = book_block(
        fills,
        dict(zip(ids, shares, strict=True)),
        revision=0,
        tie_keys=dict(zip(ids, keys, strict=True)),
        currency="USD",
        fees={"F": D(fee) / 100},
    )
    notional = sum(Fraction(x.quantity) * Fraction(x.price) for x in fills)
    assert abs(sum(booking.gross) - notional * 100) <= Fraction(1, 2)
    assert all(abs(g - q * booking.avg_px * 100) <= Fraction(3, 2) for g, q in zip(booking.gross, booking.quantities, strict=True))
    assert [D(x) / 100 for x in booking.fees["F"]] == split_money(D(fee) / 100, shares, keys, "USD")
    zero = [g for g, q in zip(booking.gross, booking.quantities, strict=True) if q == 0]
    assert not any(zero)
