"""Venue symbols through the loader, and what they make of names in both directions."""

import pytest
from django.db import IntegrityError, ProgrammingError, transaction

from market.core.venue_symbols import VenueSymbolSpec
from market.models import VenueSymbol
from market.queries import instruments_at_venue, venue_symbols
from market.services import LoadedVenueSymbols, Merged, UnableToLoadVenueSymbols, load_venue_symbols
from tests.factories import as_loader, make_instrument, number

pytestmark = pytest.mark.django_db


@pytest.fixture
def venue():
    return f"VENUE{number()}"


def load(venue, *pairs, **options) -> LoadedVenueSymbols:
    specs = [VenueSymbolSpec(venue, symbol, instrument.symbol) for symbol, instrument in pairs]
    return as_loader(lambda: load_venue_symbols(specs, **options))


def refused(venue, *pairs, **options) -> list[tuple[int, str, str]]:
    with pytest.raises(UnableToLoadVenueSymbols) as error:
        load(venue, *pairs, **options)
    assert error.value.status == 409 and len(error.value.problems()) == len(error.value.clashes)
    return [(clash.row, clash.field, clash.rule) for clash in error.value.clashes]


def stored(venue) -> set[tuple[str, str]]:
    return set(VenueSymbol.objects.filter(venue=venue).values_list("symbol", "instrument__symbol"))


def test_acc_2_names_count_both_ways_and_only_at_their_venue(venue):
    one, two = make_instrument(), make_instrument()
    assert load(venue, ("ONE.N", one)) == LoadedVenueSymbols(Merged(1), ())
    assert venue_symbols(venue=venue, instrument_ids=[one.id, two.id]) == {one.id: "ONE.N", two.id: two.symbol}
    asked = {"ONE.N", one.symbol, two.symbol, "NOBODY"}
    assert instruments_at_venue(venue=venue, symbols=asked) == {"ONE.N": one.id, two.symbol: two.id}
    assert venue_symbols(venue="ELSEWHERE", instrument_ids=[one.id, -1]) == {one.id: one.symbol}
    assert instruments_at_venue(venue="ELSEWHERE", symbols=asked) == {one.symbol: one.id, two.symbol: two.id}


def test_acc_2_an_instrument_whose_symbol_means_another_one_there_has_no_name_and_the_loading_says_so(venue):
    one, two, bystander = make_instrument(), make_instrument(), make_instrument()
    assert load(venue, (one.symbol, two)).nameless == ((venue, one.symbol),)
    everything = venue_symbols(venue=venue)
    assert one.id not in everything and everything[two.id] == one.symbol and everything[bystander.id] == bystander.symbol
    assert len(set(everything.values())) == len(everything)
    assert instruments_at_venue(venue=venue, symbols={one.symbol, two.symbol}) == {one.symbol: two.id}
    assert load(venue, ("ONE.N", one)).nameless == ()
    assert venue_symbols(venue=venue, instrument_ids=[one.id]) == {one.id: "ONE.N"}


def test_no_names_asked_for_are_none(venue):
    assert venue_symbols(venue=venue, instrument_ids=[]) == {} and instruments_at_venue(venue=venue, symbols=()) == {}


def test_loading_again_changes_nothing(venue):
    one, two = make_instrument(), make_instrument()
    load(venue, ("A", one), ("B", two))
    assert load(venue, ("A", one), ("B", two)).merged == Merged(0, 2)
    assert load(venue, ("A", one), ("B", two), replace=True).merged == Merged(0, 2)


def test_what_stands_is_refused_unless_replaced_and_then_nothing_is_written(venue):
    one, two, new = make_instrument(), make_instrument(), make_instrument()
    load(venue, ("A", one), ("B", two))
    told = refused(venue, ("C", new), ("A", two), ("D", one))
    assert told == [(1, "symbol", f"as stored: {venue} calls {one.symbol} so"), (2, "instrument", f"as stored: {venue} calls it A")]
    assert stored(venue) == {("A", one.symbol), ("B", two.symbol)}
    assert load(venue, ("C", new), ("D", one), replace=True).merged == Merged(1, 0, 1)
    assert stored(venue) == {("D", one.symbol), ("B", two.symbol), ("C", new.symbol)}


def test_two_instruments_change_places(venue):
    one, two = make_instrument(), make_instrument()
    load(venue, ("A", one), ("B", two))
    assert load(venue, ("A", two), ("B", one), replace=True).merged == Merged(0, 0, 2)
    assert stored(venue) == {("A", two.symbol), ("B", one.symbol)}


def test_a_name_that_moves_on_never_leaves_its_instrument_without_one(venue):
    one, two = make_instrument(), make_instrument()
    load(venue, ("A", one))
    told = refused(venue, ("A", two), replace=True)
    assert told == [(0, "symbol", f"{venue} calls {one.symbol} so: give {one.symbol} another symbol of {venue} in the same file")]
    assert load(venue, ("A", two), (one.symbol, one), replace=True).merged == Merged(1, 0, 1)
    assert stored(venue) == {("A", two.symbol), (one.symbol, one.symbol)}


def test_clashes_within_the_rows_and_unknown_instruments_are_each_named(venue):
    one, two = make_instrument(), make_instrument()
    told = refused(venue, ("A", one), ("A", one), ("A", two), ("B", one), replace=True)
    assert [(row, field) for row, field, _ in told] == [(1, "symbol"), (2, "symbol"), (3, "instrument")]
    ghost = VenueSymbolSpec(venue, "G", "NOSUCH")
    with pytest.raises(UnableToLoadVenueSymbols, match="must be a known instrument"):
        as_loader(lambda: load_venue_symbols([VenueSymbolSpec(venue, "A", one.symbol), ghost]))
    assert stored(venue) == set()


def test_the_database_holds_to_one_name_a_venue_and_the_runtime_role_writes_none(venue):
    one = make_instrument()
    load(venue, ("A", one))
    with pytest.raises(IntegrityError, match="venue_instrument_once"):
        as_loader(lambda: VenueSymbol.objects.using("loader").create(venue=venue, symbol="B", instrument_id=one.id))
    with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        VenueSymbol.objects.create(venue=venue, symbol="B", instrument_id=one.id)
