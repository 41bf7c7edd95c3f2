"""Whatever is planted is found, and nothing else; the order of rows changes nothing; floats never decide."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciliation.core.fixed import SCALE
from reconciliation.core.joins import align, group_codes, pair_equal, pair_ids, sum_by_key
from reconciliation.core.matching import reconcile
from reconciliation.core.snapshot import Snapshot, section_of, take
from reconciliation.enums import ItemKind

from ..scene import DIRECTORY, RATES, cash, expectation, fee, position, snapshot, summary, trade

ACCOUNTS, SYMBOLS = ("A", "B", "C"), ("XYZ", "ABC", "SAP", "ESH6")
PLANTS = ("quantity", "lost position", "cash_td", "cash_sd", "fee", "missing", "price", "extra")
KEYS = st.sets(st.tuples(st.sampled_from(ACCOUNTS), st.sampled_from(SYMBOLS)), max_size=10)


@st.composite
def days(draw):
    """A day on which both sides agree."""
    held = sorted(draw(KEYS))
    traded = draw(st.lists(st.tuples(st.sampled_from(ACCOUNTS), st.sampled_from(SYMBOLS), st.integers(-5, 5).filter(bool)), max_size=8))
    with_ids = draw(st.booleans())
    return {
        "positions": [position(a, s, 10 * (i + 1), "50") for i, (a, s) in enumerate(held)],
        "cash_td": [cash(a, 1000) for a in ACCOUNTS],
        "cash_sd": [cash(a, 900) for a in ACCOUNTS],
        "trades": [trade(a, s, q, f"{50 + i}", f"id-{i}" if with_ids else "") for i, (a, s, q) in enumerate(traded)],
        "fees": [fee(a, "-20") for a in ACCOUNTS],
    }


def plant(draw, day):
    """Change the custodian's side in a few places; return it with the breaks that must be found."""
    theirs = {name: list(rows) for name, rows in day.items()}
    expected = []
    chosen = draw(st.sets(st.sampled_from(PLANTS)))
    for item in (item for item in PLANTS if item in chosen):
        if item == "quantity" and theirs["positions"]:
            account, instrument, currency, quantity, price = theirs["positions"][0]
            theirs["positions"][0] = (account, instrument, currency, quantity + draw(st.integers(1, SCALE)), price)
            expected.append(("POSITION", "QUANTITY"))
        elif item == "lost position" and len(theirs["positions"]) > 1:
            theirs["positions"].pop()
            expected.append(("POSITION", "QUANTITY"))
        elif item in ("cash_td", "cash_sd"):
            theirs[item][1] = cash(
                "B", str(Decimal(1000 if item == "cash_td" else 900) + draw(st.sampled_from([Decimal("125.01"), -126, 9000])))
            )
            expected.append((item.upper(), "CASH"))
        elif item == "fee":
            theirs["fees"][2] = fee("C", draw(st.sampled_from(["-21.01", "-18.99", "-500"])))
            expected.append(("FEE", "FEE"))
        elif item == "missing" and theirs["trades"]:
            theirs["trades"].pop()
            expected.append(("TRADE", "MISSING_FILL"))
        elif item == "extra":
            theirs["trades"].append(trade("C", "XYZ", 7, "77.7", "stranger"))
            expected.append(("TRADE", "EXTRA_FILL"))
        elif item == "price" and theirs["trades"] and theirs["trades"][0][8]:
            row = list(theirs["trades"][0])
            row[4] += 100_000 * SCALE
            theirs["trades"][0] = tuple(row)
            expected.append(("TRADE", "PRICE"))
    return theirs, sorted(expected)


@settings(max_examples=100)
@given(data=st.data())
def test_rec_3_planted_breaks_are_found_exactly_and_nothing_else(data):
    day = data.draw(days())
    theirs, expected = plant(data.draw, day)
    outcome = reconcile(expectation(day), snapshot(theirs), DIRECTORY, RATES)
    assert sorted((item, kind) for item, kind, _ in summary(outcome)) == expected


@settings(max_examples=60)
@given(data=st.data())
def test_rec_1_the_order_of_rows_changes_nothing(data):
    day = data.draw(days())
    theirs, _ = plant(data.draw, day)
    first = reconcile(expectation(day), snapshot(theirs), DIRECTORY, RATES)
    shuffled = {name: data.draw(st.permutations(rows)) for name, rows in theirs.items()}
    ours = {name: data.draw(st.permutations(rows)) for name, rows in day.items()}
    second = reconcile(expectation(ours), snapshot(shuffled), DIRECTORY, RATES)
    assert first.breaks == second.breaks


@settings(max_examples=120)
@given(
    equity=st.integers(0, 10**9),
    ulp=st.integers(-2, 2),
    currency=st.sampled_from(["USD", "EUR"]),
)
def test_rec_2_the_boundary_is_exact_to_the_last_unit(equity, ulp, currency):
    rate = Fraction(RATES.get((currency, "USD"), Decimal(1)))
    edge = int(Fraction(equity * SCALE * 5, 10_000) / rate) + ulp
    zero, other = cash("A", 0, currency), (0, 0, DIRECTORY.currency_code[currency], 0, edge)
    ours = replace(expectation({"cash_td": [zero]}), equity=np.full(3, equity * SCALE))
    outcome = reconcile(ours, snapshot({"cash_td": [other]}), DIRECTORY, RATES)
    assert bool(outcome.breaks) == (abs(edge) * rate > Fraction(equity * SCALE * 5, 10_000))


@given(
    theirs=st.lists(st.tuples(st.integers(0, 2), st.binary(min_size=1, max_size=20).filter(lambda b: b"\0" not in b)), max_size=12),
    data=st.data(),
)
def test_pair_ids_pairs_equal_account_and_id_and_nothing_else(theirs, data):
    ours = data.draw(st.lists(st.sampled_from(theirs), max_size=12)) if theirs else []

    def columns(rows):
        return np.array([row[0] for row in rows], np.int64), np.array(
            [row[1] for row in rows], f"S{data.draw(st.sampled_from([24, 32, 64]))}"
        )

    left, right = pair_ids(*columns(ours), *columns(theirs))
    assert all(ours[a] == theirs[b] for a, b in zip(left, right, strict=True))
    assert len(set(left.tolist())) == len(left) and len(set(right.tolist())) == len(right)
    assert len(left) == sum(min(ours.count(row), theirs.count(row)) for row in set(ours))


@given(a=st.lists(st.integers(0, 20), unique=True), b=st.lists(st.integers(0, 20), unique=True))
def test_align_is_the_full_outer_join(a, b):
    left, right = align(np.array(a, np.int64), np.array(b, np.int64))
    pairs = {(a[x] if x >= 0 else None, b[y] if y >= 0 else None) for x, y in zip(left, right, strict=True)}
    assert pairs == {(key if key in a else None, key if key in b else None) for key in {*a, *b}}
    assert len(left) == len({*a, *b})


@given(a=st.lists(st.integers(0, 5)), b=st.lists(st.integers(0, 5)))
def test_pair_equal_is_one_to_one_and_complete(a, b):
    left, right = pair_equal(np.array(a, np.int64), np.array(b, np.int64))
    assert [a[i] for i in left] == [b[i] for i in right]
    assert len(set(left.tolist())) == len(left) == len(set(right.tolist())) == sum(min(a.count(k), b.count(k)) for k in set(a))


@given(rows=st.lists(st.tuples(st.integers(0, 3), st.integers(-(10**15), 10**15)), max_size=30))
def test_sum_by_key_sums_exactly(rows):
    keys, totals, _ = sum_by_key(np.array([r[0] for r in rows], np.int64), np.array([r[1] for r in rows], np.int64))
    assert dict(zip(keys.tolist(), totals.tolist(), strict=True)) == {
        k: sum(v for key, v in rows if key == k) for k in {r[0] for r in rows}
    }


@given(a=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2))), b=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2))))
def test_group_codes_are_equal_exactly_where_rows_are(a, b):
    columns = [[np.array([row[i] for row in side], np.int64) for i in range(2)] for side in (a, b)]
    codes = [*group_codes(*columns)[0].tolist(), *group_codes(*columns)[1].tolist()]
    rows = [*a, *b]
    assert all((codes[i] == codes[j]) == (rows[i] == rows[j]) for i in range(len(rows)) for j in range(i))


def test_bench_scene_finds_exactly_what_it_planted():
    from bench.reconcile import core_times

    times = core_times(3_000, repeats=1)
    assert times["breaks_exact"] and times["planted"] >= 6


def test_take_keeps_every_section_of_a_snapshot():
    taken = snapshot({"cash_td": [cash("A", 1)]})
    assert isinstance(taken, Snapshot)
    assert [len(section_of(taken, item)) for item in ItemKind] == [0, 1, 0, 0, 0, 0]
    assert len(take(taken.cash_td, np.array([0, 0]))) == 2
