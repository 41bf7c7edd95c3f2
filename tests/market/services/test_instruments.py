"""Instruments through the loader: stored once, changed only when told, and what they are never."""

import itertools
from dataclasses import replace
from decimal import Decimal

import pytest
from django.db import ProgrammingError, transaction

from market.core.instruments import InstrumentSpec
from market.enums import InstrumentKind
from market.models import Instrument, Issuer
from market.queries import instrument, instrument_by_symbol
from market.services import InstrumentConflict, UnableToLoadInstruments, load_instruments
from tests.factories import as_loader

pytestmark = pytest.mark.django_db
_numbers = itertools.count(1)


def spec(**fields) -> InstrumentSpec:
    made = {
        "symbol": f"INS{next(_numbers)}",
        "kind": InstrumentKind.EQUITY,
        "currency": "USD",
        "market": "XNYS",
        "tick_size": Decimal("0.01"),
    }
    return InstrumentSpec(**{**made, **fields})


def load(*specs, **options):
    return as_loader(lambda: load_instruments(specs, **options))


def test_a_specification_is_stored_with_every_field():
    full = spec(
        kind=InstrumentKind.CRYPTO_SPOT,
        symbol="DOTUSD",
        base_currency="DOT",
        market="CRYPTO",
        tick_size=Decimal("0.0001"),
        lot_step=Decimal("0.001"),
        min_quantity=Decimal("0.01"),
        min_notional=Decimal(10),
        sector="Coins",
        issuer="Nobody in particular, the issuer of coins without an issuer 123",
        pip_size=Decimal("0.001"),
    )
    ids = load(full, is_simulated=True)
    facts = instrument(ids["DOTUSD"])
    assert (facts.calendar, facts.settlement_market, facts.base_currency, facts.kind) == (
        "CRYPTO",
        "CRYPTO",
        "DOT",
        InstrumentKind.CRYPTO_SPOT,
    )
    numbers = (facts.tick, facts.lot_step, facts.min_quantity, facts.min_notional, facts.multiplier, facts.pip_size)
    assert [str(number) for number in numbers] == ["0.0001", "0.001", "0.01", "10", "1", "0.001"]
    assert facts.is_simulated and facts.identity_group == "DOTUSD" and Issuer.objects.get(pk=facts.issuer_id).code == full.issuer


def test_loading_again_changes_nothing():
    one, two = spec(issuer="Same issuer"), spec(issuer="Same issuer")
    first = load(one, two)
    assert load(one, two) == first
    assert instrument(first[one.symbol]).issuer_id == instrument(first[two.symbol]).issuer_id


def test_other_facts_are_refused_unless_replaced():
    stored = spec()
    load(stored)
    finer = replace(stored, tick_size=Decimal("0.005"))
    with pytest.raises(InstrumentConflict, match=r"tick is stored as 0\.01.*given 0\.005"):
        load(finer)
    load(finer, replace=True)
    assert instrument_by_symbol(stored.symbol).tick == Decimal("0.005")


@pytest.mark.parametrize("change", [{"currency": "EUR"}, {"kind": InstrumentKind.ETF}, {"multiplier": Decimal(10)}])
def test_what_an_instrument_is_never_changes(change):
    stored = spec()
    load(stored)
    with pytest.raises(InstrumentConflict) as refused:
        load(replace(stored, **change), replace=True)
    assert refused.value.code == "instrument_never_changes" and refused.value.problems()[0]["field"] == next(iter(change))


def test_a_simulated_instrument_never_becomes_a_real_one():
    stored = spec()
    load(stored, is_simulated=True)
    with pytest.raises(InstrumentConflict, match="is_simulated"):
        load(stored, replace=True)


def test_an_underlying_may_be_known_or_come_along_but_must_be_there():
    share = spec()
    option = spec(kind=InstrumentKind.OPTION, underlying=share.symbol, multiplier=Decimal(100))
    ids = load(option, share)
    assert instrument(ids[option.symbol]).underlying_id == ids[share.symbol]
    orphan, other = spec(kind=InstrumentKind.OPTION, underlying="NOSUCH"), spec()
    with pytest.raises(UnableToLoadInstruments, match="underlying NOSUCH is no known instrument"):
        load(other, orphan)
    assert not Instrument.objects.filter(symbol__in=[orphan.symbol, other.symbol]).exists()


def test_a_symbol_given_twice_is_refused():
    twice = spec()
    with pytest.raises(UnableToLoadInstruments, match="more than once"):
        load(twice, replace(twice, tick_size=Decimal("0.05")))


def test_s2_the_runtime_role_only_reads_market_reference():
    with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        Instrument.objects.create(symbol="MINE", kind="EQUITY", currency="USD", calendar="XNYS", settlement_market="US", tick=1)
