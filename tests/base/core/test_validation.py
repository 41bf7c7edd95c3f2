"""Strict reading of outside values (CON-1, CON-5, CON-6, S5)."""

import json
import time
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from base.core.money import minor_exponent
from base.core.validation import (
    CRYPTO_CURRENCIES,
    CURRENCIES,
    MAX_BODY_BYTES,
    FieldReader,
    InvalidInput,
    InvalidInputs,
    NonDecimalNumber,
    parse_currency,
    parse_decimal,
    parse_enum,
    parse_instant,
    parse_integer,
    parse_json,
    parse_symbol,
    parse_text,
    parse_uuid,
)

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)


def rule_of(call, *args, **options):
    with pytest.raises(InvalidInput) as caught:
        call(*args, **options)
    return caught.value.rule


@pytest.mark.parametrize(
    ("value", "rule"),
    [
        ("", "required"),
        (None, "required"),
        (True, "type"),
        ([1], "type"),
        (0.1, "binary_float"),
        (float("nan"), "binary_float"),
        ("NaN", "finite"),
        ("-inf", "finite"),
        (Decimal("NaN"), "finite"),
        (Decimal("-Infinity"), "finite"),
        ("1e5", "exponent"),
        ("1,5", "decimal_point"),
        ("1.234,50", "decimal_point"),
        ("1,234.50", "decimal_point"),
        ("{{strategy.order.contracts}}", "placeholder"),
        (" 1", "number"),
        ("+1", "number"),
        ("1.", "number"),
        (".5", "number"),
        ("0x10", "number"),
        ("1_000", "number"),
        ("١٢", "number"),
        ("ten", "number"),
        ("0.12345678901", "scale"),
        ("123456789012345678901", "max_digits"),
        (10**400, "max_digits"),
        ("9" * 5000, "max_digits"),
        (Decimal("1E+999999"), "max_digits"),
        (Decimal("9" * 60_000), "max_digits"),
    ],
)
def test_con_1_a_number_that_is_not_a_plain_decimal_is_refused(value, rule):
    assert rule_of(parse_decimal, value, "quantity") == rule


def test_con_1_bounds_are_named():
    assert rule_of(parse_decimal, "0", "quantity", positive=True) == "positive"
    assert rule_of(parse_decimal, "-0.01", "fee", non_negative=True) == "non_negative"
    assert rule_of(parse_decimal, "101", "percent", maximum=Decimal(100)) == "maximum"
    assert rule_of(parse_decimal, "1", "percent", minimum=Decimal(2)) == "minimum"
    assert rule_of(parse_integer, "3.0", "lots") == "integer"
    assert rule_of(parse_integer, Decimal("3.0"), "lots") == "integer"
    assert parse_integer("-3", "lots") == -3


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**9), max_value=10**9))
def test_con_1_what_passes_is_exactly_what_was_written(number):
    assert parse_decimal(format(number, "f"), "x") == number
    assert parse_decimal(number, "x") == number


def test_con_1_trailing_zeros_do_not_count_and_zero_has_no_sign():
    assert str(parse_decimal("1.500000000000000", "x", scale=1)) == "1.500000000000000"
    assert str(parse_decimal("-0.00", "x")) == "0.00"


def test_con_1_money_in_json_is_never_a_binary_float():
    value = parse_json(b'{"a": 0.1, "b": 1.10, "c": 7, "d": 1e5}')
    assert value == {"a": Decimal("0.1"), "b": Decimal("1.10"), "c": 7, "d": "1e5"}
    assert isinstance(value["d"], NonDecimalNumber)
    assert rule_of(parse_decimal, value["d"], "d") == "exponent"
    assert rule_of(parse_text, value["d"], "d") == "type"


def test_con_1_binary_noise_is_refused_by_scale():
    noisy = parse_json(json.dumps({"quantity": 0.1 + 0.2}).encode())["quantity"]
    assert rule_of(parse_decimal, noisy, "quantity") == "scale"


@pytest.mark.parametrize(
    ("body", "field", "rule"),
    [
        (b"buy EURUSD @1.12345", "body", "json"),
        (b"", "body", "json"),
        (b'{"a": 1,}', "body", "json"),
        (b"\xff\xfe", "body", "utf8"),
        (b'\xef\xbb\xbf{"a": 1}', "body", "json"),
        (b'{"a": 1, "a": 2}', "a", "unique_key"),
        (b'{"p": {"q": [1, NaN]}}', "p.q[1]", "finite"),
        (b'{"p": -Infinity}', "p", "finite"),
        (b'{"p": "\\u0000"}', "p", "storable_text"),
        (b'{"p": "\\ud800"}', "p", "storable_text"),
        (b"[" * 9 + b"]" * 9, "body", "max_depth"),
        (b"[" * 60_000, "body", "max_depth"),
        (b'"' + b"x" * MAX_BODY_BYTES + b'"', "body", "max_bytes"),
        (b"1" * 5_000, "body", "max_digits"),
    ],
)
def test_s5_a_body_that_is_not_strict_json_is_refused(body, field, rule):
    with pytest.raises(InvalidInput) as caught:
        parse_json(body)
    assert (caught.value.field, caught.value.rule) == (field, rule)


def test_s5_brackets_inside_strings_are_no_depth():
    assert parse_json(b'{"a": "[[[[[[[[[[[[ \\" [[["}') == {"a": '[[[[[[[[[[[[ " [[['}


@pytest.mark.parametrize("body", [b'"' + b'\\"' * 32_000, b'["' * 30_000, b"{" * 8 + b"0." + b"0" * 60_000, b'{"a":' + b" " * 65_000])
def test_s5_hostile_bodies_cost_linear_time(body):
    started = time.perf_counter()
    with pytest.raises(InvalidInput):
        parse_json(body)
    assert time.perf_counter() - started < 2


@settings(max_examples=300)
@given(st.binary(max_size=300))
def test_s5_random_bytes_are_read_or_refused_never_a_crash(body):
    with suppress(InvalidInput):
        parse_json(body)


@settings(max_examples=200)
@given(st.text(max_size=60))
def test_s5_random_text_is_read_or_refused_by_every_parser(text):
    for parse in (parse_decimal, parse_integer, parse_text, parse_symbol, parse_currency, parse_instant, parse_uuid):
        with suppress(InvalidInput):
            parse(text, "field")


def test_con_6_instants_carry_their_zone_and_do_not_lie_ahead():
    assert parse_instant("2026-03-02T10:00:00.5-05:00", "at", not_after=NOW.replace(second=1)) == NOW.replace(microsecond=500_000)
    assert parse_instant("2026-03-02T15:00:00Z", "at", not_after=NOW) == NOW
    for text in (
        "2026-03-02T15:00:00",
        "2026-03-02",
        "20260302T150000Z",
        "2026-03-02T24:61:00Z",
        "2026-02-30T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
    ):
        assert rule_of(parse_instant, text, "at") == "instant"
    assert rule_of(parse_instant, "2026-03-02T15:00:01Z", "at", not_after=NOW) == "not_after"
    assert rule_of(parse_instant, "2026-03-02T14:59:59Z", "at", not_before=NOW) == "not_before"


def test_con_1_currencies_are_iso_or_crypto_of_known_precision():
    assert parse_currency("USD", "currency") == "USD" and parse_currency("USDT", "currency") == "USDT"
    assert len(CURRENCIES) > 150
    assert all(minor_exponent(code) > 2 for code in CRYPTO_CURRENCIES)
    for code in ("usd", "US", "XXX", "SOL", "{{currency}}"):
        assert rule_of(parse_currency, code, "currency") in {"currency", "placeholder"}


def test_s5_symbols_keep_their_case_and_refuse_markup():
    for symbol in ("EURUSD.m", "BTCUSDT.P", "BRK.B", "ES1!", "XYZ-250117C50", "EUR/USD"):
        assert parse_symbol(symbol, "symbol") == symbol
    for symbol in ("<b>", "A B", "=cmd()", "A" * 41, "A;DROP", "{{ticker}}", "A\n", ""):
        assert rule_of(parse_symbol, symbol, "symbol") in {"symbol", "placeholder", "printable", "required"}


def test_s5_ids_and_choices_are_exact():
    class Side(StrEnum):
        BUY = "BUY"

    assert parse_enum("buy", "side", Side, fold=True) is Side.BUY
    assert rule_of(parse_enum, "buy", "side", Side) == "choice"
    text = "01957b2c-0000-7000-8000-000000000001"
    assert str(parse_uuid(text, "id")) == text
    for bad in (text.replace("-", ""), "{" + text + "}", text + "0", 5):
        assert rule_of(parse_uuid, bad, "id") in {"uuid", "type"}


def test_s5_what_is_shown_of_a_refused_value_is_short_and_printable():
    problem = InvalidInput("note", "a\x1b[31m\n" + "é" * 100, "printable")
    assert "\x1b" not in str(problem) and "\n" not in str(problem) and problem.value.endswith("…")


def test_s5_all_problems_of_a_message_come_at_once_and_values_are_shortened():
    reader = FieldReader({"quantity": "1,5", "symbol": "x" * 150, "side": "buy"})
    assert reader.required("quantity", parse_decimal, positive=True) is None
    assert reader.required("symbol", parse_symbol) is None
    assert reader.required("account", parse_text) is None
    assert reader.optional("note", parse_text) is None
    with pytest.raises(InvalidInputs) as caught:
        reader.finish()
    assert [(problem.field, problem.rule) for problem in caught.value.problems] == [
        ("quantity", "decimal_point"),
        ("symbol", "symbol"),
        ("account", "required"),
    ]
    assert len(caught.value.problems[1].value) == 61
    with pytest.raises(InvalidInputs, match="object"):
        FieldReader([1])
    with pytest.raises(ValueError, match="no problem"):
        InvalidInputs([])
