"""Instruments as facts, from the runtime role."""

from decimal import Decimal

import pytest

from base.errors import NotFound
from market.enums import InstrumentKind
from market.queries import instrument, instrument_by_symbol, instruments, trade_date
from tests.factories import make_instrument
from tests.market.made import utc

pytestmark = pytest.mark.django_db


def test_facts_carry_plain_numbers_and_fall_back_to_the_symbol():
    row = make_instrument(tick=Decimal("0.0500"), lot_step=Decimal("100"), base_currency="", identity_group="")
    facts = instrument(row.id)
    assert (facts.id, facts.symbol, facts.kind, facts.calendar) == (row.id, row.symbol, InstrumentKind.EQUITY, "XNYS")
    assert (str(facts.tick), str(facts.lot_step), facts.base_currency, facts.pip_size) == ("0.05", "100", None, None)
    assert facts.identity_group == row.symbol and instrument_by_symbol(row.symbol) == facts


def test_many_are_one_query_and_an_unknown_one_is_left_out(django_assert_num_queries):
    rows = [make_instrument() for _ in range(3)]
    with django_assert_num_queries(1):
        found = instruments([row.id for row in rows] + [10**15])
    assert set(found) == {row.id for row in rows}
    assert set(found) <= set(instruments()) and instruments([]) == {}


def test_an_unknown_instrument_is_not_found():
    for missing in (lambda: instrument(10**15), lambda: instrument_by_symbol("NOSUCH")):
        with pytest.raises(NotFound, match="no such instrument"):
            missing()


def test_con_6_the_trade_date_follows_the_instruments_market():
    fx = make_instrument(kind=InstrumentKind.FX, calendar="FX", base_currency="EUR", pip_size=Decimal("0.0001"), tick=Decimal("0.00001"))
    friday_evening = utc(2026, 7, 3, 21)
    assert trade_date(instrument=instrument(fx.id), instant=friday_evening).isoformat() == "2026-07-06"
    coin = make_instrument(kind=InstrumentKind.CRYPTO_SPOT, calendar="CRYPTO", base_currency="BTC")
    assert trade_date(instrument=instrument(coin.id), instant=friday_evening).isoformat() == "2026-07-03"
