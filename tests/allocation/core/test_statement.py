"""ALC-1, I8: the frozen allocation statement."""

import hashlib
from dataclasses import fields, replace
from datetime import UTC, datetime

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allocation.core import statement_inputs as covered
from allocation.core.request import ExposureLimit, Limits, PooledRoom, SizingRequest
from allocation.core.scales import MISSING, UNIT
from allocation.core.sizing import size
from allocation.core.statement import AllocationStatement, statement_of
from allocation.core.statement_differences import Difference, differences
from allocation.enums import Rounding, Rule, SizingMethod

from .signals import grid, signal, units

AT = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
EQUITY = ["250000", "120000", "400000", "500000", "80000"]
CAPS = ["0.10", "0.02", "0.05", "0.01", "0.01"]


def frozen(order=(0, 1, 2, 3, 4), price="47.30", equity=EQUITY, at=AT, names=("A1", "A2", "A3", "A4", "A5")):
    request = signal(
        SizingMethod.TARGET_WEIGHT,
        "0.03",
        accounts=[names[i] for i in order],
        equity=[equity[i] for i in order],
        currencies=("USD", "EUR"),
        currency=[[0, 0, 0, 1, 0][i] for i in order],
        fx=[["1"], ["1.0850"]],
        price=[price],
        class_cap=units([CAPS[i] for i in order])[:, None],
        rounding=Rounding.LARGEST_REMAINDER,
    )
    return statement_of(request, size(request), currencies=("USD", "EUR"), policy="P1", price_scope="block", journey_id="J-1", frozen_at=at)


@given(order=st.permutations(range(5)))
@settings(max_examples=20, deadline=None)
def test_alc_1_order_of_accounts_changes_no_byte(order):
    assert frozen(order).canonical_bytes() == frozen().canonical_bytes()


def test_alc_1_order_of_instruments_and_currencies_changes_no_byte():
    def both(flip):
        ids, rates = (["X", "Y"], [["1", "1"], ["1.25", "1.25"]])
        request = signal(
            SizingMethod.TARGET_WEIGHT,
            grid([["0.01", "0.02"][:: -1 if flip else 1]]),
            equity=["1000", "2000"],
            currencies=("GBP", "USD") if flip else ("USD", "GBP"),
            currency=[1, 0] if flip else [0, 1],
            fx=rates[::-1] if flip else rates,
            price=["3", "7"][:: -1 if flip else 1],
        )
        request = type(request)(
            **{f: getattr(request, f) for f in request.__dataclass_fields__}
            | {
                "instrument_ids": ids[::-1] if flip else ids,
                "block_ids": ids[::-1] if flip else ids,
            }
        )
        names = ("GBP", "USD") if flip else ("USD", "GBP")
        return statement_of(request, size(request), currencies=names, policy="P1", price_scope="block", journey_id="J").sha256

    assert both(False) == both(True)


def test_alc_1_a_stranger_recomputes_the_hash_from_the_description():
    statement = frozen()
    raw = statement.canonical_bytes()
    magic, header, rest = raw.split(b"\n", 2)
    assert magic == b"mamweb allocation statement 2"
    plain = orjson.loads(header)
    assert (plain["policy"], plain["price_scope"], plain["frozen_at"]) == ("P1", "block", "2026-03-02T14:30:00.000000+00:00")
    assert plain["instruments"][0]["price"] == 4_730_000_000 and plain["instruments"][0]["fx"]["EUR"] == [217, 200]
    *accounts, body = rest.split(b"\n", 5)
    assert accounts == [b"A1", b"A2", b"A3", b"A4", b"A5"]
    columns, offset = {}, 0
    for name, kind, scope in plain["columns"]:
        assert scope == ("account" if name in ("currency", "equity", "class_cap") else "cell")
        columns[name] = np.frombuffer(body, dtype="<" + kind, count=5, offset=offset)
        offset += columns[name].nbytes
    assert offset == len(body)
    assert columns["lots"].tolist() == [159, 50, 254, 114, 16]
    assert columns["class_cap"].tolist() == [10_000_000, 2_000_000, 5_000_000, 1_000_000, 1_000_000]
    assert plain["same"] == {"amount": [3_000_000]} and plain["rooms"] == [] and plain["excluded"] == []
    assert hashlib.sha256(raw).hexdigest() == statement.sha256


def test_alc_1_a_statement_cannot_be_changed():
    statement = frozen()
    with pytest.raises(ValueError, match="read-only"):
        statement.columns["lots"][0, 0] = 1


def test_alc_1_preview_and_release_share_one_hash_while_nothing_moves():
    preview, release = frozen(at=None), frozen()
    assert preview.preview_hash == release.preview_hash == preview.sha256 != release.sha256
    assert differences(preview, release) == ([], 0)


def test_alc_1_differences_name_account_and_number():
    found, total = differences(frozen(), frozen(equity=[*EQUITY[:4], "90000"]))
    assert total == len(found) == 4
    assert found[0] == Difference("A5", None, "equity", 8_000_000, 9_000_000)
    assert Difference("A5", "I1", "lots", 16, 19) in found


def test_alc_1_differences_name_prices_and_accounts_that_left():
    found, _ = differences(frozen(), frozen(price="47.40"))
    assert found[0] == Difference(None, "I1", "price", 4_730_000_000, 4_740_000_000)
    gone, _ = differences(frozen(), frozen(names=("A1", "A2", "A3", "A4", "B5")))
    assert gone[:2] == [Difference("A5", None, "account", "A5", None), Difference("B5", None, "account", None, "B5")]


def test_alc_1_differences_are_counted_beyond_the_list():
    found, total = differences(frozen(), frozen(equity=["1", "1", "1", "1", "1"]), most=3)
    assert len(found) == 3 and total > 3


def test_alc_1_ids_and_instants_without_canonical_form_are_refused():
    with pytest.raises(ValueError, match="line break"):
        frozen(names=("A\n1", "A2", "A3", "A4", "A5"))
    with pytest.raises(ValueError, match="CON-6"):
        frozen(at=datetime(2026, 3, 2))


def test_alc_1_a_statement_is_read_back_from_its_bytes():
    before = frozen()
    after = AllocationStatement.from_bytes(before.canonical_bytes())
    assert after.canonical_bytes() == before.canonical_bytes()
    assert after.preview_hash == before.preview_hash
    assert differences(before, after) == ([], 0)


GROSS = ExposureLimit(Rule.GROSS, np.array([50 * UNIT]), np.array([7, 8, 9]), units(["1", "1"]))
ROOM = PooledRoom(Rule.LEGAL_LIMIT, np.array([1, 1, 0]), grid([["900", "900"], ["800", "800"]]))
WIDE = Limits(
    authority=np.array([0, 0, 0]),
    trading_block=np.array([[0], [0], [0]]),
    restricted=np.array([[0, 0]]),
    long_only=np.array([[1]]),
    allowed=np.array([[1, 1]]),
    position=grid([["0.9", "0.8"]]),
    adv=grid([["500", "600"]]),
    buying_power=np.array([10**8, 10**8, 10**8]),
    proceeds_usable=np.array([1, 0, 1]),
    margin_rate=grid([["1"]]),
    soft=grid([["400"], ["500"], ["600"]]),
    exposures=(GROSS,),
    pools=(ROOM,),
)
LOOSE = {
    "available": np.array([1, 2, 3]),
    "balance": np.array([4, 5, MISSING]),
    "position": grid([["0", "0"]] * 3),
    "open_buy": grid([["0", "0"]] * 3),
    "open_sell": grid([["0", "0"]] * 3),
    "class_cap": grid([["0.9"], ["0.8"], ["0.7"]]),
    "mandate_cap": grid([["0.9"]]),
    "instrument_cap": units(["0.5", "0.6"]),
    "min_quantity": units(["1", "1"]),
    "min_notional": units(["1", "1"]),
    "bump_to_min": np.array([[0]]),
}


def loose(limits=WIDE, order=(0, 1, 2), **changed):
    """Size with limits of every kind, none of which binds."""
    fields = {k: v if len(v) != 3 or k in ("instrument_cap",) else v[list(order)] for k, v in {**LOOSE, **changed}.items()}
    request = signal(
        SizingMethod.TARGET_WEIGHT,
        grid([["0.02", "0.03"]]),
        accounts=[f"A{i}" for i in order],
        equity=[(1000, 2000, 3000)[i] for i in order],
        price=["1", "2"],
        limits=limits,
        **fields,
    )
    return request, statement_of(request, size(request), currencies=("USD",), policy="P1", price_scope="block", journey_id="J")


@pytest.mark.parametrize(
    "changed",
    [
        {"available": np.array([1, 2, 4])},
        {"balance": np.array([4, 5, 6])},
        {"class_cap": grid([["0.9"], ["0.8"], ["0.75"]])},
        {"mandate_cap": grid([["0.95"]])},
        {"instrument_cap": units(["0.5", "0.61"])},
        {"min_quantity": units(["2", "1"])},
        {"min_notional": units(["1", "2"])},
        {"bump_to_min": np.array([[1]])},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_alc_1_the_hash_covers_an_input_that_changes_no_quantity(changed):
    (asked, before), (other, after) = loose(), loose(**changed)
    assert size(asked).quantity.tolist() == size(other).quantity.tolist()
    assert before.preview_hash != after.preview_hash
    found, total = differences(before, after)
    assert total == 1 and found[0].field == next(iter(changed))


@pytest.mark.parametrize(
    "changed",
    [
        {"authority": None},
        {"trading_block": None},
        {"restricted": None},
        {"long_only": np.array([[0]])},
        {"allowed": None},
        {"position": grid([["0.9", "0.7"]])},
        {"adv": grid([["500", "601"]])},
        {"buying_power": np.array([10**8, 10**8 + 1, 10**8])},
        {"proceeds_usable": np.array([1, 1, 1])},
        {"margin_rate": grid([["0.5"]])},
        {"soft": grid([["400"], ["500"], ["601"]])},
        {"exposures": (replace(GROSS, current=np.array([7, 8, 10])),)},
        {"exposures": (replace(GROSS, limit=np.array([51 * UNIT])),)},
        {"exposures": (replace(GROSS, beta=units(["1", "2"])),)},
        {"exposures": ()},
        {"pools": (replace(ROOM, room=grid([["900", "901"], ["800", "800"]])),)},
        {"pools": (replace(ROOM, group=np.array([1, 0, 0])),)},
        {"pools": ()},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_alc_1_the_hash_covers_every_limit_though_none_binds(changed):
    (asked, before), (other, after) = loose(), loose(replace(WIDE, **changed))
    assert size(asked).quantity.tolist() == size(other).quantity.tolist()
    assert before.preview_hash != after.preview_hash
    found, total = differences(before, after)
    assert found and total == len(found)


def test_alc_1_a_limit_that_moved_is_named_with_its_account_and_numbers():
    tighter = replace(WIDE, buying_power=np.array([10**8, 99_999_999, 10**8]), adv=grid([["500", "550"]]))
    found, total = differences(loose()[1], loose(tighter)[1])
    assert (found, total) == (
        [
            Difference(None, None, "limits.adv", [500 * UNIT, 600 * UNIT], [500 * UNIT, 550 * UNIT]),
            Difference("A1", None, "limits.buying_power", 10**8, 99_999_999),
        ],
        2,
    )


@given(order=st.permutations(range(3)))
@settings(max_examples=6, deadline=None)
def test_alc_1_order_of_accounts_and_of_groups_changes_no_byte(order):
    rows = list(order)
    flipped = PooledRoom(Rule.LEGAL_LIMIT, 1 - ROOM.group[rows], ROOM.room[::-1])
    limits = replace(
        WIDE,
        trading_block=WIDE.trading_block[rows],
        proceeds_usable=WIDE.proceeds_usable[rows],
        soft=WIDE.soft[rows],
        exposures=(replace(GROSS, current=GROSS.current[rows]),),
        pools=(flipped,),
    )
    assert loose(limits, rows)[1].canonical_bytes() == loose()[1].canonical_bytes()


def test_alc_1_how_an_equal_limit_was_given_changes_no_byte():
    spread = replace(WIDE, restricted=np.zeros((3, 2), dtype=np.int64), adv=np.repeat(WIDE.adv, 3, axis=0), margin_rate=grid([["1"] * 2]))
    assert loose(spread)[1].canonical_bytes() == loose()[1].canonical_bytes()


def test_alc_1_a_statement_with_every_limit_is_read_back_from_its_bytes():
    before = loose()[1]
    after = AllocationStatement.from_bytes(before.canonical_bytes())
    assert after.canonical_bytes() == before.canonical_bytes()
    assert differences(before, after) == ([], 0)
    with pytest.raises(ValueError, match="ALC-1"):
        AllocationStatement.from_bytes(before.canonical_bytes()[:-9])


def test_alc_1_who_was_left_out_is_part_of_the_hash():
    request, _ = loose()
    terms = {"currencies": ("USD",), "policy": "P1", "price_scope": "block", "journey_id": "J"}
    one, two = (statement_of(request, size(request), **terms, excluded=[("B", why)]) for why in ("AUTH_EXPIRED", "KILL_SWITCH"))
    assert one.preview_hash != two.preview_hash
    assert differences(one, two) == ([Difference(None, None, "excluded", [["B", "AUTH_EXPIRED"]], [["B", "KILL_SWITCH"]])], 1)


def test_alc_1_the_names_that_ties_go_by_are_part_of_the_hash():
    request, _ = loose()
    terms = {"currencies": ("USD",), "policy": "P1", "price_scope": "block", "journey_id": "J"}
    n = len(request.account_ids)
    shared = [replace(request, rounding=Rounding.LARGEST_REMAINDER, tie_names=[f"{letter}{i}" for i in range(n)]) for letter in ("A", "B")]
    one, two = (statement_of(asked, size(asked), **terms) for asked in shared)
    assert one.preview_hash != two.preview_hash


def test_alc_1_a_new_field_of_a_request_must_be_hashed_too():
    assert {f.name for f in fields(Limits)} == {*covered._LIMITS, "exposures", "pools"}
    own = {"method", "rounding", "cap_basis", "account_ids", "instrument_ids", "block_ids", "currency", "currency_exponent", "equity"}
    own |= {"price", "multiplier", "lot_step", "fx_num", "fx_den", "stop_distance", "position", "tie_names"}
    assert {f.name for f in fields(SizingRequest)} == {*covered._FIELDS, *covered._BY_INSTRUMENT, *own, "limits", "trace"}
