"""What a signal states, read strictly from outside values.

Entry points: `SignalBody`, `parse_signal`. Invariants: 1. nothing is guessed: an unknown field, method or number form is refused with
field and rule, and so is a number that would be rounded or not fit. 2. equal bodies have equal `sha256`, whatever the spelling of their numbers (idempotency).
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from allocation.enums import CustomKind, SignalOrderType, SignalRoute, SignalTimeInForce, SizingMethod
from base.core.ids import digest
from base.core.validation import FieldReader, InvalidInput, parse_decimal, parse_enum, parse_instant, parse_symbol, parse_text, parse_uuid

from .order_terms import TERMS, read_terms, senseless_terms

_FIELDS = {"strategy", "symbol", "method", "figure", "stop_price", "accounts", "per_account", "decided_at"} | TERMS
LARGEST = Decimal("9999999999.99999999")
_RATES = {SizingMethod.TARGET_WEIGHT, SizingMethod.RISK, SizingMethod.PERCENT_CHANGE, SizingMethod.CLOSE}
_MOST = {CustomKind.WEIGHT: 10, CustomKind.RISK: 1}


@dataclass(frozen=True, slots=True)
class SignalBody:
    """One intent for one instrument.

    figure: signed (+ buy) quantity for block methods, rate for target_weight/risk/percent_change (0.03 = 3%), share to close for close;
    None for custom. accounts: account ids it is limited to, empty = every follower. per_account: account id → (kind, figure), for custom.
    order_type None: house pricing (RTE-2), immediate or cancel; LIMIT: at limit_price, DAY unless time_in_force says IOC. route None: as RTE-1 says.
    protect: stop_price and take_profit_price are to be held for every account that is filled.
    """

    strategy: str
    symbol: str
    method: SizingMethod
    figure: Decimal | None = None
    stop_price: Decimal | None = None
    accounts: tuple[UUID, ...] = ()
    per_account: Mapping[UUID, tuple[CustomKind, Decimal]] = field(default_factory=dict)
    decided_at: datetime | None = None
    order_type: SignalOrderType | None = None
    limit_price: Decimal | None = None
    time_in_force: SignalTimeInForce | None = None
    route: SignalRoute | None = None
    take_profit_price: Decimal | None = None
    protect: bool = False

    @property
    def sha256(self) -> str:
        """Return the hash that tells a repeat from a different body under the same key; terms that are not stated are no part of it."""
        stated = {name: value for name, value in asdict(self).items() if name not in TERMS or value not in (None, False)}
        return digest({**stated, "accounts": sorted(map(str, self.accounts))})


def parse_figure(value: object, field: str, *, positive: bool = False) -> Decimal:
    """Return a number that sizing holds exactly: at most 8 decimals, below 10^10. Raises InvalidInput. Source: CON-1."""
    return parse_decimal(value, field, positive=positive, scale=8, minimum=-LARGEST, maximum=LARGEST)


def parse_signal(body: object, *, now: datetime) -> SignalBody:
    """Read a signal from a JSON object. Raises InvalidInput or InvalidInputs naming field, value and rule. Source: SIZ-4."""
    reader = FieldReader(body)
    reader.refuse_unknown(_FIELDS)
    strategy = reader.required("strategy", parse_text, max_length=40)
    symbol = reader.required("symbol", parse_symbol)
    method = reader.required("method", parse_enum, SizingMethod)
    figure = reader.optional("figure", parse_figure)
    terms = read_terms(reader, largest=LARGEST)
    decided_at = reader.optional("decided_at", parse_instant, not_after=now)
    accounts = reader.optional("accounts", _parse_accounts) or ()
    read = len(reader.problems)
    per_account = reader.optional("per_account", _parse_custom) or {}
    if method is not None and len(reader.problems) == read:
        reader.problems += _senseless(method, figure, per_account, reader.fields)
        figures = [value for _, value in per_account.values()] if method is SizingMethod.CUSTOM else [figure] if figure is not None else []
        refused = {problem.field for problem in reader.problems}
        reader.problems += [problem for problem in senseless_terms(terms, method, figures) if problem.field not in refused]
    reader.finish()
    assert strategy is not None and symbol is not None and method is not None  # noqa: S101 - finish() has raised otherwise
    return SignalBody(
        strategy,
        symbol,
        method,
        figure,
        terms.stop_price,
        accounts,
        per_account,
        decided_at,
        terms.order_type,
        terms.limit_price,
        terms.time_in_force,
        terms.route,
        terms.take_profit_price,
        terms.protect,
    )


def _senseless(
    method: SizingMethod, figure: Decimal | None, custom: Mapping[UUID, tuple[CustomKind, Decimal]], given: Container[str]
) -> list[InvalidInput]:
    problems = []
    if method is SizingMethod.CUSTOM:
        if not custom:
            problems.append(InvalidInput("per_account", "", "required"))
        if any(kind is CustomKind.RISK for kind, _ in custom.values()) and "stop_price" not in given:
            problems.append(InvalidInput("stop_price", "", "required"))
        return problems
    if custom:
        problems.append(InvalidInput("per_account", len(custom), "only_with_custom"))
    if method in {SizingMethod.RATIO, SizingMethod.PERCENT}:
        problems.append(InvalidInput("method", method, "not_offered_here"))
    if "figure" not in given:
        problems.append(InvalidInput("figure", "", "required"))
    if figure is not None and figure == 0 and method is not SizingMethod.TARGET_WEIGHT:
        problems.append(InvalidInput("figure", figure, "not_zero"))
    if figure is not None and method in _RATES and abs(figure) > (1 if method is not SizingMethod.TARGET_WEIGHT else 10):
        problems.append(InvalidInput("figure", figure, "rate: 0.03 is 3%"))
    if figure is not None and figure < 0 and method is SizingMethod.CLOSE:
        problems.append(InvalidInput("figure", figure, "positive"))
    if method is SizingMethod.RISK and "stop_price" not in given:
        problems.append(InvalidInput("stop_price", "", "required"))
    return problems


def _parse_accounts(value: object, field: str) -> tuple[UUID, ...]:
    if not isinstance(value, list) or not value:
        raise InvalidInput(field, value, "list_of_accounts")
    found = tuple(parse_uuid(item, f"{field}[{i}]") for i, item in enumerate(value))
    if len(set(found)) != len(found):
        raise InvalidInput(field, len(found), "listed_twice")
    return found


def _parse_custom(value: object, field: str) -> dict[UUID, tuple[CustomKind, Decimal]]:
    if not isinstance(value, list):
        raise InvalidInput(field, value, "list")
    found: dict[UUID, tuple[CustomKind, Decimal]] = {}
    for number, item in enumerate(value):
        where = f"{field}[{number}]"
        reader = FieldReader(item, where, within=True)
        reader.refuse_unknown({"account", "kind", "figure"})
        account = reader.required("account", parse_uuid)
        kind = reader.required("kind", parse_enum, CustomKind)
        figure = reader.required("figure", parse_figure)
        reader.finish()
        assert account is not None and kind is not None and figure is not None  # noqa: S101 - finish() has raised otherwise
        if kind in _MOST and abs(figure) > _MOST[kind]:
            raise InvalidInput(f"{where}.figure", figure, "rate: 0.03 is 3%")
        if account in found:
            raise InvalidInput(where, account, "listed_twice")
        found[account] = (kind, figure)
    return found
