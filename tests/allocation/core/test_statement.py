"""ALC-1, I8: the frozen allocation statement."""

import hashlib
from datetime import UTC, datetime

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allocation.core.sizing import size
from allocation.core.statement import AllocationStatement, Difference, differences, statement_of
from allocation.enums import Rounding, SizingMethod

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
    assert magic == b"mamweb allocation statement 1"
    plain = orjson.loads(header)
    assert (plain["policy"], plain["price_scope"], plain["frozen_at"]) == ("P1", "block", "2026-03-02T14:30:00.000000+00:00")
    assert plain["instruments"][0]["price"] == 4_730_000_000 and plain["instruments"][0]["fx"]["EUR"] == [217, 200]
    *accounts, body = rest.split(b"\n", 5)
    assert accounts == [b"A1", b"A2", b"A3", b"A4", b"A5"]
    columns, offset = {}, 0
    for name, kind in plain["columns"]:
        columns[name] = np.frombuffer(body, dtype="<" + kind, count=5, offset=offset)
        offset += columns[name].nbytes
    assert offset == len(body)
    assert columns["lots"].tolist() == [159, 50, 254, 114, 16]
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
