"""S5 and REC-1 for the custodian CSV form: taken whole or refused with line, field, value and rule."""

from __future__ import annotations

import re
import tracemalloc
from dataclasses import fields, replace
from datetime import date
from pathlib import Path
from time import process_time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciliation.core.directory import make_directory
from reconciliation.core.fixed import LIMIT, NO_PRICE, SCALE
from reconciliation.core.snapshot import Snapshot, section_of
from reconciliation.enums import ItemKind
from reconciliation.readers.csv_form import CustodianFileError, TruncatedFile, read_custodian_csv
from reconciliation.readers.csv_form_fast import parse_fast
from reconciliation.readers.csv_form_spec import clean
from reconciliation.readers.csv_form_writer import write_custodian_csv

from ..scene import AS_OF, DIRECTORY, cash, fee, margin, position, snapshot, trade

DOCS = Path(__file__).parents[3] / "docs" / "custodian-csv.md"
EXAMPLE_DIRECTORY = make_directory(["U1000001", "U1000002"], {"XYZ": "USD"}, ["USD", "EUR"])
EXAMPLE = re.search(r"## Example\n\n```\n(.*?)```", DOCS.read_text(), re.DOTALL).group(1).encode()
FULL = snapshot(
    {
        "positions": [position("A", "XYZ", "100.5", "50.25"), position("B", "XYZ", -40), position("B", "CLJ0", 1, "-37.63")],
        "cash_td": [cash("A", "-12.34"), cash("B", "0.00000001", "JPY")],
        "cash_sd": [cash("A", "40000000000"), cash("C", 0)],
        "trades": [
            trade("A", "XYZ", 100, "50.25", "0001f4e8.65e2a1b3.01.01"),
            trade("A", "XYZ", -7, "51", "x"),
            trade("B", "SAP", 1, "120.5"),
        ],
        "fees": [fee("A", "-0.35", "COMMISSION"), fee("A", "1.10", "COMMISSION", "EUR"), fee("B", "-3", booked=date(2026, 2, 27))],
        "margins": [margin("A", 1000), margin("A", "800.55", "MAINTENANCE")],
    }
)
GOOD = write_custodian_csv(FULL, DIRECTORY)


def read(data: bytes, **more) -> Snapshot:
    return read_custodian_csv(data, DIRECTORY, today=AS_OF, **more)


def same(a: Snapshot, b: Snapshot) -> bool:
    plain = (a.custodian, a.as_of, a.sections) == (b.custodian, b.as_of, b.sections) and np.array_equal(a.covered, b.covered)
    return plain and all(
        np.array_equal(getattr(section_of(a, item), field.name), getattr(section_of(b, item), field.name))
        for item in ItemKind
        for field in fields(section_of(a, item))
    )


def changed(old: str, new: str, count: int = 1) -> bytes:
    assert old.encode() in GOOD, old
    return GOOD.replace(old.encode(), new.encode(), count)


def test_round_trip_and_both_parsers_agree():
    assert same(read(GOOD), FULL) and same(read(GOOD, fast=False), FULL)
    assert parse_fast(clean(GOOD, 10**6), DIRECTORY, AS_OF) is not None
    assert write_custodian_csv(read(GOOD), DIRECTORY) == GOOD


def test_the_documented_example_is_read_by_both_parsers():
    first = read_custodian_csv(EXAMPLE, EXAMPLE_DIRECTORY, today=AS_OF)
    assert same(first, read_custodian_csv(EXAMPLE, EXAMPLE_DIRECTORY, today=AS_OF, fast=False))
    assert parse_fast(EXAMPLE, EXAMPLE_DIRECTORY, AS_OF) is not None
    assert first.positions.quantity.tolist() == [300 * SCALE, -40 * SCALE] and first.sections == frozenset(ItemKind)


def test_byte_order_mark_and_crlf_and_a_missing_last_newline_are_tolerated():
    assert same(read(b"\xef\xbb\xbf" + GOOD.replace(b"\n", b"\r\n")), FULL)
    assert same(read(GOOD[:-1]), FULL) and same(read(GOOD[:-1], fast=False), FULL)


@pytest.mark.parametrize(
    ("old", "new", "rule", "field"),
    [
        ("100.5,50.25", "NaN,50.25", "CSV-NUMBER", "quantity"),
        ("100.5,50.25", "inf,50.25", "CSV-NUMBER", "quantity"),
        ("100.5,50.25", "1e2,50.25", "CSV-NUMBER", "quantity"),
        ("100.5,50.25", "+100.5,50.25", "CSV-NUMBER", "quantity"),
        ("100.5,50.25", "0100.5,50.25", "CSV-NUMBER", "quantity"),
        ("100.5,50.25", "100.,50.25", "CSV-NUMBER", "quantity"),
        ("100.5,50.25", ".5,50.25", "CSV-NUMBER", "quantity"),
        ("100.5,50.25", "1 00,50.25", "CSV-NUMBER", "quantity"),
        ("100.5,50.25", "1_00,50.25", "CSV-NUMBER", "quantity"),
        ("100.5,50.25", "--1,50.25", "CSV-NUMBER", "quantity"),
        ("100.5,50.25", "1.123456789,50.25", "CSV-NUMBER", "quantity"),
        ("100.5,50.25", "40000000000.00000001,50.25", "CSV-RANGE", "quantity"),
        ("100.5,50.25", "123456789012345678901,50.25", "CSV-RANGE", "quantity"),
        ("100.5,50.25", "100.5,-50.25", "CSV-SIGN", "price"),
        ("100.5,50.25", ",50.25", "CSV-BLANK", "quantity"),
        ("POSITION,A,,", "POSITION,A,x,", "CSV-BLANK", "kind"),
        ("POSITION,A", "POSITION,Z", "CSV-ACCOUNT", "account"),
        ("POSITION,A", "POSITION,", "CSV-BLANK", "account"),
        ("POSITION,A,,XYZ", "POSITION,A,,QQQ", "CSV-SYMBOL", "symbol"),
        ("POSITION,A,,XYZ,USD", "POSITION,A,,XYZ,XXX", "CSV-CURRENCY", "currency"),
        ("POSITION,A,,XYZ,USD", "POSITION,A,,XYZ,usd", "CSV-CURRENCY", "currency"),
        ("POSITION,B,,CLJ0", "POSITION,B,,XYZ", "CSV-DUPLICATE", "account"),
        ("CASH_TD,B,,,JPY", "CASH_TD,A,,,USD", "CSV-DUPLICATE", "account"),
        ("TRADE,A,SELL", "TRADE,A,SHORT", "CSV-KIND", "kind"),
        ("TRADE,A,SELL,XYZ,USD,7", "TRADE,A,SELL,XYZ,USD,-7", "CSV-SIGN", "quantity"),
        ("TRADE,A,SELL,XYZ,USD,7", "TRADE,A,SELL,XYZ,USD,0", "CSV-SIGN", "quantity"),
        ("2026-03-03,x", "2026-03-03,0001f4e8.65e2a1b3.01.01", "CSV-DUPLICATE", "exec_id"),
        ("2026-03-03,x", "2026-03-03,=cmd", "CSV-ID", "exec_id"),
        ("2026-03-03,x", "2026-03-03,x y", "CSV-ID", "exec_id"),
        ("2026-03-03,x", "2026-03-03," + "x" * 65, "CSV-ID", "exec_id"),
        ("2026-03-02,2026-03-03", "2026-03-03,2026-03-03", "CSV-DATE", "trade_date"),
        ("2026-03-02,2026-03-03", "2026-03-02,2026-03-01", "CSV-DATE", "settle_date"),
        ("2026-03-02,2026-03-03", "2026-03-02,2026-02-30", "CSV-DATE", "settle_date"),
        ("2026-03-02,2026-03-03", "2026-03-02,03/03/2026", "CSV-DATE", "settle_date"),
        ("FEE,B,CUSTODY_FEE", "FEE,B,TIPS", "CSV-KIND", "kind"),
        ("MARGIN,A,INITIAL,,USD,,,1000", "MARGIN,A,INITIAL,,USD,,,-1000", "CSV-SIGN", "amount"),
        ("ACCOUNT,C,", "ACCOUNT,B,", "CSV-DUPLICATE", "account"),
        ("ACCOUNT,C,,,,,,,,,\n", "", "CSV-ACCOUNT", "account"),
        ("FILE,Example Custodian,1", "FILE,Example Custodian,2", "CSV-RECORD", "kind"),
        ("FILE,Example Custodian,1,,,,,,2026-03-02", "FILE,Example Custodian,1,,,,,,2026-03-03", "CSV-DATE", "trade_date"),
        ("FILE,Example", "FILES,Example", "CSV-RECORD", "record"),
        ("CASH_SD,A", "CASH,A", "CSV-RECORD", "record"),
        ("END,,TRADE", "END,,TRADES", "CSV-RECORD", "kind"),
        ("END,,TRADE,,,3", "END,,TRADE,,,3.0", "CSV-NUMBER", "quantity"),
        ("END,,CASH_SD", "END,,CASH_TD", "CSV-DUPLICATE", "kind"),
        ("END,,CASH_SD,,,2", "END,,FILE,,,2", "CSV-BLANK", "amount"),
    ],
)
def test_s_5_a_wrong_value_is_refused_with_line_field_value_and_rule(old, new, rule, field):
    data = changed(old, new)
    with pytest.raises(CustodianFileError) as caught:
        read(data)
    error = caught.value
    assert (error.rule, error.field) == (rule, field)
    if error.value:
        assert error.value in data.decode().split("\n")[error.line - 1]
    assert f"line {error.line} {field}" in str(error) and rule in str(error)


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (changed("END,,TRADE,,,3,,108", "END,,TRADE,,,2,,108"), "CSV-CONTROL"),
        (changed("END,,TRADE,,,3,,108", "END,,TRADE,,,3,,107"), "CSV-CONTROL"),
        (changed("END,,TRADE,,,3,,108,,,\n", ""), "CSV-CONTROL"),
        (re.sub(rb"TRADE,A,SELL.*\n", b"", GOOD), "CSV-CONTROL"),
        (GOOD.replace(b"END,,FILE,,,25", b"END,,FILE,,,26"), "CSV-CONTROL"),
        (changed("\nEND,,POSITION", "\n\nEND,,POSITION"), "CSV-COLUMNS"),
        (changed("END,,POSITION", "END,,,POSITION"), "CSV-COLUMNS"),
        (changed("record,account", "account,record"), "CSV-COLUMNS"),
        (GOOD.replace(b"XYZ", b'"XYZ"'), "CSV-ENCODING"),
        (GOOD.replace(b"XYZ", b"X\xc3\x9cZ"), "CSV-ENCODING"),
        (GOOD.replace(b"XYZ", b"X\0Z"), "CSV-ENCODING"),
        (GOOD.replace(b"\n", b"\r"), "CSV-ENCODING"),
        (GOOD.decode().encode("utf-16"), "CSV-ENCODING"),
        (b"PK\x03\x04" + GOOD, "CSV-ENCODING"),
        (b"<html><body>Session expired</body></html>\n\n", "CSV-COLUMNS"),
    ],
)
def test_s_5_a_file_that_is_wrong_as_a_whole(data, rule):
    with pytest.raises(CustodianFileError) as caught:
        read(data)
    assert caught.value.rule == rule


@pytest.mark.parametrize("cut", range(1, len(GOOD) - 1, 3))
def test_rec_1_a_truncated_file_is_recognised_wherever_it_is_cut(cut):
    with pytest.raises(TruncatedFile):
        read(GOOD[:-cut] if cut > 1 else GOOD[:-2])


def test_rec_1_an_empty_file_is_truncated():
    with pytest.raises(TruncatedFile):
        read(b"")


def test_s_6_a_file_above_the_limit_is_not_read_and_the_limit_can_be_raised():
    with pytest.raises(CustodianFileError, match="CSV-SIZE"):
        read(GOOD, max_bytes=len(GOOD) - 1)
    assert same(read(GOOD, max_bytes=len(GOOD)), FULL)


def test_rec_1_a_section_that_was_not_delivered_is_not_a_section_of_none():
    without = snapshot({"cash_td": [cash("A", 1)]}, missing=(ItemKind.POSITION, ItemKind.MARGIN))
    found = read(write_custodian_csv(without, DIRECTORY))
    assert found.sections == frozenset(ItemKind) - {ItemKind.POSITION, ItemKind.MARGIN}


def test_order_of_records_between_first_and_last_is_free():
    lines = GOOD.splitlines()
    mixed = b"\n".join([*lines[:2], *reversed(lines[2:-1]), lines[-1]]) + b"\n"
    assert same(read(mixed), read(mixed, fast=False))
    assert sorted(read(mixed).positions.quantity.tolist()) == sorted(FULL.positions.quantity.tolist())


NUMBERS = st.one_of(st.integers(-LIMIT, LIMIT), st.integers(-(10**6), 10**6), st.just(0))
POSITIVE = st.integers(1, LIMIT)
PRICES = st.one_of(st.just(NO_PRICE), st.integers(0, LIMIT))
IDS = st.text("abcXYZ019._-:/", min_size=1, max_size=64)


@st.composite
def snapshots(draw) -> Snapshot:
    names, symbols, money = ("A", "B", "C"), ("XYZ", "ABC", "SAP"), ("USD", "EUR", "JPY")
    held = draw(st.sets(st.tuples(st.sampled_from(names), st.sampled_from(symbols)), max_size=6))
    ids = draw(st.lists(IDS, unique=True, max_size=5))
    cashes = [draw(st.sets(st.tuples(st.sampled_from(names), st.sampled_from(money)), max_size=5)) for _ in range(2)]
    rows = {
        "positions": [(*position(a, s, 0)[:3], draw(NUMBERS), draw(PRICES)) for a, s in sorted(held)],
        "cash_td": [(*cash(a, 0, c)[:4], draw(NUMBERS)) for a, c in sorted(cashes[0])],
        "cash_sd": [(*cash(a, 0, c)[:4], draw(NUMBERS)) for a, c in sorted(cashes[1])],
        "trades": [
            (
                *trade(draw(st.sampled_from(names)), "XYZ", 1, "1")[:3],
                draw(st.sampled_from([-1, 1])) * draw(POSITIVE),
                draw(st.integers(0, LIMIT)),
                draw(NUMBERS),
                draw(st.integers(0, 20514)),
                draw(st.integers(20514, 30000)),
                draw(st.sampled_from([b"", text.encode()])),
            )
            for text in ids
        ],
    }
    return snapshot(rows, covered="ABC", missing=draw(st.sampled_from([(), (ItemKind.FEE,)])))


@settings(max_examples=60)
@given(original=snapshots())
def test_round_trip_of_any_snapshot_through_both_parsers(original):
    data = write_custodian_csv(original, DIRECTORY)
    fast = parse_fast(data, DIRECTORY, AS_OF)
    assert fast is not None
    assert same(read(data), original) and same(read(data, fast=False), original)


def outcome_of(data: bytes, fast: bool) -> Snapshot | tuple[str, int, str]:
    try:
        return read(data, fast=fast)
    except CustodianFileError as error:
        return error.rule, error.line, error.field


@st.composite
def damaged(draw) -> bytes:
    data = bytearray(GOOD)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data) - 1))
        piece = draw(
            st.one_of(st.binary(max_size=6), st.sampled_from([b",", b"\n", b".", b"-", b"0", b"9", b"NaN", b"1e9", b",,", b"END,,FILE"]))
        )
        data[at : at + draw(st.integers(0, 6))] = piece
        if not data:
            break
    return bytes(data)


@settings(max_examples=800, deadline=None)
@given(data=st.one_of(damaged(), st.binary(max_size=200)))
def test_s_5_damaged_files_are_refused_clearly_or_read_alike_by_both_parsers(data):
    assert_agreed(data)


def assert_agreed(data: bytes) -> None:
    fast, strict = outcome_of(data, True), outcome_of(data, False)
    if isinstance(strict, Snapshot):
        assert isinstance(fast, Snapshot) and same(fast, strict)
    else:
        assert fast == strict


TOKENS = [
    "0",
    "-0",
    "1.50",
    "-.5",
    "5.",
    "00",
    "0.00000001",
    "99999999999",
    "40000000000",
    "40000000000.1",
    "1.2.3",
    "-",
    "",
    " 1",
    "1,2",
    "٣",
]


@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize("where", ["100.5,50.25", "7,51", "-12.34", "-0.35"])
def test_both_parsers_agree_on_every_odd_number(token, where):
    column = where.encode().split(b",")
    assert where.encode() in GOOD
    assert_agreed(GOOD.replace(where.encode(), b",".join([token.encode(), *column[1:]]), 1))


def test_s_5_ten_megabytes_of_nonsense_are_refused_within_memory_and_time():
    head, megabytes = GOOD[: GOOD.index(b"ACCOUNT")], 9 * 2**20
    tail = b"END,,FILE,,,1,,,,,\n"
    for filler in (b",", b"\n", b"x\n", b",,,,,,,,,,\n", b"ACCOUNT,A,,,,,,,,,\n"):
        data = head + filler * (megabytes // len(filler)) + b"\n" * (not filler.endswith(b"\n")) + tail
        tracemalloc.start()
        started = process_time()
        with pytest.raises(CustodianFileError):
            read(data)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 200 * 2**20, (filler, peak)
        assert process_time() - started < 2, filler


def test_the_writer_refuses_names_that_break_the_form():
    with pytest.raises(ValueError, match="comma"):
        write_custodian_csv(replace(FULL, custodian="Smith, Jones"), DIRECTORY)
