"""Closing an account: every reason against it is named, and its last evening is behind it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.core.closing import Standing, obstacles

TODAY = date(2026, 3, 3)
EMPTY = Standing(opened_on=date(2026, 1, 5), last_booked_on=date(2026, 3, 2))


def told(standing: Standing, on: date = TODAY) -> str:
    return "; ".join(words for _, words in obstacles(standing, on=on, today=TODAY))


def test_what_is_empty_and_proved_may_close():
    assert obstacles(EMPTY, on=TODAY, today=TODAY) == ()
    assert obstacles(replace(EMPTY, last_booked_on=None), on=EMPTY.opened_on, today=TODAY) == ()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"positions": {"XYZ": D("-5"), "ABC": D("30.00")}}, "it holds 30 ABC, -5 XYZ: sell or transfer them"),
        ({"cash": {"USD": D("0.01"), "EUR": D(0)}}, "it holds 0.01 USD of cash: pay it out"),
        ({"unsettled": {"USD": D(-100)}}, "-100 USD has not settled: wait for it"),
        ({"accrued": {"EUR": D("1.5")}}, "1.5 EUR is accrued and not paid: wait for it"),
        ({"live_holds": 1}, "1 live order holds cash or units of it: cancel, or let them end"),
        ({"live_holds": 2}, "2 live orders hold cash or units of it: cancel, or let them end"),
        ({"others": ("2 breaks",)}, "2 breaks"),
        ({"is_clearing": True}, "it is where the blocks of its connection rest: disable the connection instead"),
        ({"closed_on": TODAY}, "it is closed since 2026-03-03"),
    ],
)
def test_each_thing_that_stands_is_named(changed, words):
    assert obstacles(replace(EMPTY, **changed), on=TODAY, today=TODAY) == (("", words),)


def test_all_reasons_are_named_at_once():
    standing = replace(EMPTY, positions={f"S{i}": D(1) for i in range(7)}, cash={"USD": D(3)}, others=("1 break",))
    assert (
        told(standing)
        == "it holds 1 S0, 1 S1, 1 S2, 1 S3, 1 S4 and 2 more: sell or transfer them; it holds 3 USD of cash: pay it out; 1 break"
    )


@pytest.mark.parametrize(
    ("on", "words"),
    [
        (date(2026, 3, 4), "on a day that has come"),
        (date(2026, 1, 4), "opened on 2026-01-05 only"),
        (date(2026, 3, 2), "2026-03-03 at the earliest"),
    ],
)
def test_the_day_has_come_and_is_behind_the_last_evening(on, words):
    found = obstacles(EMPTY, on=on, today=TODAY)
    assert {name for name, _ in found} == {"closed_on"} and words in told(EMPTY, on)


amounts = st.dictionaries(st.sampled_from(["USD", "EUR", "ABC"]), st.decimals(-10, 10, places=2), max_size=3)


@given(positions=amounts, cash=amounts, unsettled=amounts, accrued=amounts, holds=st.integers(0, 2), days=st.integers(-5, 5))
def test_it_closes_only_when_nothing_at_all_stands(positions, cash, unsettled, accrued, holds, days):
    standing = replace(EMPTY, positions=positions, cash=cash, unsettled=unsettled, accrued=accrued, live_holds=holds)
    on = TODAY + timedelta(days=days)
    nothing = not holds and not any(amount for held in (positions, cash, unsettled, accrued) for amount in held.values())
    assert (obstacles(standing, on=on, today=TODAY) == ()) == (nothing and on == TODAY)
