"""Strict reading of values that come from outside: JSON bodies, numbers, instants, symbols, currencies, ids.

Entry points: `parse_json` for a body, `parse_decimal`, `parse_integer`, `parse_text`, `parse_symbol`, `parse_currency`, `parse_instant`,
`parse_uuid`, `parse_enum` for a value, `FieldReader` to read many fields and report every problem at once.

Invariants
1. A value is taken as it is or refused with field and rule; nothing is guessed, trimmed, rounded or converted from a binary float.
2. What passes can be stored: no NUL, no lone surrogate, no NaN, no number longer than the caller allows.
3. Time and memory are linear in the size of the body, which is bounded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Container, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Concatenate, ParamSpec, TypeVar
from uuid import UUID

MAX_BODY_BYTES = 64 * 1024
MAX_DEPTH = 8
P = ParamSpec("P")
T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)

# Money in circulation (no funds codes, metals or units of account), with codes withdrawn since 2023 that older documents still carry.
_ISO_4217 = """
AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP CNY COP CRC CUP CVE
CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES
KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD
OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SLL SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP
TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG ZWL
"""
ISO_CURRENCIES = frozenset(_ISO_4217.split())
# The crypto assets whose smallest unit base.core.money knows; an asset it would round wrongly is refused.
CRYPTO_CURRENCIES = frozenset({"BTC", "ETH", "LTC", "BCH", "USDT", "USDC"})
CURRENCIES = ISO_CURRENCIES | CRYPTO_CURRENCIES

_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
_PLACEHOLDER = re.compile(r"\{\{.*?\}\}|\{\{|\}\}", re.DOTALL)
_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?(?:Z|[+-][0-9]{2}:[0-9]{2})")
_SYMBOL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/#&+\-!^=@]{0,39}")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_STRINGS_AND_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*"?|[\[\]{}]', re.DOTALL)
_SHOWN = 60


class InvalidInput(ValueError):
    """A value that is refused: which field, what stood there (shortened, printable), which rule it breaks.

    >>> str(InvalidInput("quantity", "1,5", "decimal_point"))
    "quantity: '1,5' breaks decimal_point"
    """

    def __init__(self, field: str, value: object, rule: str) -> None:
        self.field, self.rule = field, rule
        text = value if isinstance(value, str) else type(value).__name__ if isinstance(value, (dict, list)) else str(value)[: _SHOWN + 1]
        self.value = ascii(text[:_SHOWN])[1:-1] + ("…" if len(text) > _SHOWN else "")
        super().__init__(f"{field}: '{self.value}' breaks {rule}")


class InvalidInputs(ValueError):
    """Several refused values of one message; never empty."""

    def __init__(self, problems: Sequence[InvalidInput]) -> None:
        if not problems:
            raise ValueError("no problem, nothing to raise")
        self.problems = tuple(problems)
        super().__init__("; ".join(str(problem) for problem in problems))


class NonDecimalNumber(str):
    """A JSON number written in a form money never takes (exponent, NaN, Infinity), kept as text so that its field can be named."""

    __slots__ = ()


def parse_json(body: bytes, *, max_bytes: int = MAX_BODY_BYTES, max_depth: int = MAX_DEPTH) -> Any:
    """Read a JSON body: UTF-8, numbers with a point as Decimal, every key once, bounded size and depth.

    NaN and Infinity are refused with their path. A number with an exponent comes back as `NonDecimalNumber`, which no parser below accepts.
    Raises InvalidInput.

    >>> parse_json(b'{"price": 1.10}')
    {'price': Decimal('1.10')}
    """
    if len(body) > max_bytes:
        raise InvalidInput("body", f"{len(body)} bytes", "max_bytes")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInput("body", f"byte {error.start}", "utf8") from None
    if _depth(text) > max_depth:
        raise InvalidInput("body", f"more than {max_depth} levels", "max_depth")
    try:
        value = json.loads(text, parse_float=_number, parse_int=_integer, parse_constant=NonDecimalNumber, object_pairs_hook=_unique_keys)
    except InvalidInput:
        raise
    except ValueError:
        raise InvalidInput("body", text, "json") from None
    _refuse_unstorable(value, "")
    return value


def parse_decimal(
    value: object,
    field: str,
    *,
    positive: bool = False,
    non_negative: bool = False,
    max_digits: int = 20,
    scale: int = 10,
    minimum: Decimal | None = None,
    maximum: Decimal | None = None,
) -> Decimal:
    """Return a plain decimal number, exactly as written.

    value: text ("-12.50"), int or Decimal. max_digits: digits in all; scale: digits after the point, trailing zeros not counted.
    Raises InvalidInput with the rule: required, placeholder, type, binary_float, finite, exponent, decimal_point, number, max_digits,
    scale, positive, non_negative, minimum or maximum.

    >>> parse_decimal("0.015", "quantity", positive=True)
    Decimal('0.015')
    """
    number = _as_decimal(value, field, max_digits + scale + 2)
    sign, digits, exponent = number.as_tuple()
    if not isinstance(exponent, int):
        raise InvalidInput(field, value, "finite")
    fraction = max(0, -exponent)
    while fraction and (not digits or digits[-1] == 0):
        digits, fraction = digits[:-1], fraction - 1
    if fraction > scale:
        raise InvalidInput(field, value, "scale")
    if max(len("".join(map(str, digits)).lstrip("0")) + max(0, exponent), fraction) > max_digits:
        raise InvalidInput(field, value, "max_digits")
    if number == 0 and sign:
        number = abs(number)
    rules = {
        "positive": positive and number <= 0,
        "non_negative": non_negative and number < 0,
        "minimum": minimum is not None and number < minimum,
        "maximum": maximum is not None and number > maximum,
    }
    for rule, broken in rules.items():
        if broken:
            raise InvalidInput(field, value, rule)
    return number


def parse_integer(value: object, field: str, *, minimum: int = -(2**63), maximum: int = 2**63 - 1) -> int:
    """Return a whole number between the bounds, both included; "3.0" is not whole. Raises InvalidInput."""
    number = parse_decimal(value, field, max_digits=19, scale=0, minimum=Decimal(minimum), maximum=Decimal(maximum))
    if (isinstance(value, str) and "." in value) or (isinstance(value, Decimal) and value.as_tuple().exponent != 0):
        raise InvalidInput(field, value, "integer")
    return int(number)


def parse_text(value: object, field: str, *, max_length: int = 200, allow_empty: bool = False) -> str:
    """Return text without control characters, template leftovers or blanks at its ends. Raises InvalidInput."""
    if value is None or (value == "" and not allow_empty):
        raise InvalidInput(field, value or "", "required")
    if not isinstance(value, str) or isinstance(value, NonDecimalNumber):
        raise InvalidInput(field, value, "type")
    if len(value) > max_length:
        raise InvalidInput(field, value, "max_length")
    if _PLACEHOLDER.search(value):
        raise InvalidInput(field, value, "placeholder")
    if value != value.strip() or any(ord(char) < 32 or 0x7F <= ord(char) < 0xA0 or 0xD800 <= ord(char) < 0xE000 for char in value):
        raise InvalidInput(field, value, "printable")
    return value


def parse_symbol(value: object, field: str) -> str:
    """Return an instrument symbol as written; case matters to some brokers.

    At most 40 letters, digits and `. _ / # & + - ! ^ = @`. Raises InvalidInput.
    """
    text = parse_text(value, field, max_length=200)
    if not _SYMBOL.fullmatch(text):
        raise InvalidInput(field, text, "symbol")
    return text


def parse_currency(value: object, field: str) -> str:
    """Return a currency code in capitals: ISO 4217 money, or a crypto asset whose smallest unit is known. Raises InvalidInput."""
    text = parse_text(value, field)
    if text not in CURRENCIES:
        raise InvalidInput(field, text, "currency")
    return text


def parse_instant(value: object, field: str, *, not_after: datetime | None = None, not_before: datetime | None = None) -> datetime:
    """Return an RFC 3339 instant in UTC; the time zone must be written. not_after: usually now. Raises InvalidInput.

    >>> parse_instant("2026-01-05T09:30:00-05:00", "at").isoformat()
    '2026-01-05T14:30:00+00:00'
    """
    text = parse_text(value, field)
    if not _INSTANT.fullmatch(text):
        raise InvalidInput(field, text, "instant")
    try:
        instant = datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidInput(field, text, "instant") from None
    if not_after is not None and instant > not_after:
        raise InvalidInput(field, text, "not_after")
    if not_before is not None and instant < not_before:
        raise InvalidInput(field, text, "not_before")
    return instant


def parse_uuid(value: object, field: str) -> UUID:
    """Return a UUID written with hyphens. Raises InvalidInput."""
    text = parse_text(value, field)
    if not _UUID.fullmatch(text):
        raise InvalidInput(field, text, "uuid")
    return UUID(text)


def parse_enum(value: object, field: str, kind: type[E], *, fold: bool = False) -> E:
    """Return the member of `kind` with this value; fold: small letters are read as capitals. Raises InvalidInput."""
    text = parse_text(value, field)
    try:
        return kind(text.upper() if fold else text)
    except ValueError:
        raise InvalidInput(field, text, "choice") from None


class FieldReader:
    """Read the fields of one object and collect every problem before refusing it. within: problems name fields by their path.

    >>> reader = FieldReader({"quantity": "1,5", "symbol": "XYZ"})
    >>> reader.optional("quantity", parse_decimal), reader.required("symbol", parse_symbol), [problem.rule for problem in reader.problems]
    (None, 'XYZ', ['decimal_point'])
    """

    def __init__(self, fields: object, path: str = "body", *, within: bool = False) -> None:
        if not isinstance(fields, Mapping):
            raise InvalidInputs([InvalidInput(path, fields, "object")])
        self.fields: Mapping[str, object] = fields
        self._prefix = f"{path}." if within else ""
        self.problems: list[InvalidInput] = []

    def required(self, field: str, parse: Callable[Concatenate[object, str, P], T], *args: P.args, **options: P.kwargs) -> T | None:
        """Return the parsed field; None only after noting a problem, so call `finish` before using it."""
        if field not in self.fields:
            self.problems.append(InvalidInput(self._name(field), "", "required"))
            return None
        return self.optional(field, parse, *args, **options)

    def optional(self, field: str, parse: Callable[Concatenate[object, str, P], T], *args: P.args, **options: P.kwargs) -> T | None:
        """Return the parsed field, or None if it is absent."""
        if field not in self.fields:
            return None
        try:
            return parse(self.fields[field], self._name(field), *args, **options)
        except InvalidInput as problem:
            self.problems.append(problem)
        except InvalidInputs as several:
            self.problems += several.problems
        return None

    def refuse_unknown(self, known: Container[str]) -> None:
        """Note every field that is not known, with what it holds."""
        self.problems += [
            InvalidInput(self._name(name), self.fields[name], "unknown_field") for name in sorted(self.fields) if name not in known
        ]

    def _name(self, field: str) -> str:
        return f"{self._prefix}{field}"

    def finish(self) -> None:
        """Raise InvalidInputs if anything was wrong."""
        if self.problems:
            raise InvalidInputs(self.problems)


def _as_decimal(value: object, field: str, longest: int) -> Decimal:
    if isinstance(value, Decimal):
        if len(value.as_tuple().digits) > 3 * longest:
            raise InvalidInput(field, value, "max_digits")
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        if abs(value) >= 10**longest:
            raise InvalidInput(field, "a longer number", "max_digits")
        return Decimal(value)
    if not isinstance(value, str):
        rule = "required" if value is None else "binary_float" if isinstance(value, float) else "type"
        raise InvalidInput(field, "" if value is None else value, rule)
    if _NUMBER.fullmatch(value):
        if len(value) > 3 * longest:
            raise InvalidInput(field, value, "max_digits")
        return Decimal(value)
    raise InvalidInput(field, value, _number_rule(value))


def _number_rule(value: str) -> str:
    rules = (
        ("required", value == ""),
        ("placeholder", bool(_PLACEHOLDER.search(value))),
        ("finite", value.strip(" +-").lower() in {"nan", "snan", "inf", "infinity", "na", "n/a", "null", "none"}),
        ("exponent", bool(re.fullmatch(r"[+-]?[0-9.]+[eE][+-]?[0-9]+", value))),
        ("decimal_point", bool(re.fullmatch(r"[+-]?[0-9.' ]*,[0-9.,' ]*", value))),
    )
    return next((rule for rule, broken in rules if broken), "number")


def _number(text: str) -> Decimal | NonDecimalNumber:
    return NonDecimalNumber(text) if "e" in text or "E" in text else Decimal(text)


def _integer(text: str) -> int:
    if len(text) > 400:
        raise InvalidInput("body", text, "max_digits")
    return int(text)


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        keys = [key for key, _ in pairs]
        raise InvalidInput(next(key for key in keys if keys.count(key) > 1), "given twice", "unique_key")
    return result


def _depth(text: str) -> int:
    deepest = level = 0
    for match in _STRINGS_AND_BRACKETS.finditer(text):
        part = match.group()
        level += 1 if part in "[{" else -1 if part in "]}" else 0
        deepest = max(deepest, level)
    return deepest


def _refuse_unstorable(value: Any, path: str) -> None:
    if isinstance(value, NonDecimalNumber):
        if "e" not in value.lower() or "i" in value.lower():
            raise InvalidInput(path or "body", str(value), "finite")
    elif isinstance(value, str):
        if "\x00" in value or any(0xD800 <= ord(char) < 0xE000 for char in value):
            raise InvalidInput(path or "body", value, "storable_text")
    elif isinstance(value, dict):
        for key, item in value.items():
            _refuse_unstorable(key, f"{path}.{key}" if path else key)
            _refuse_unstorable(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _refuse_unstorable(item, f"{path}[{index}]")
