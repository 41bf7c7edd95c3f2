"""A sizing as the lines of a ticket: every account's figures, and totals that are the sums of what is shown.

Entry points: `figures_of` (all accounts, whole numbers), `TicketTotals`, `row_of` (one line with its words).
Invariants: 1. totals add up the figures as shown, rounded as shown. 2. an account is rounded once. 3. words are made only for lines that are shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from allocation.core.scales import MICRO, MISSING, UNIT
from allocation.core.words import REASONS, RULES
from allocation.enums import Reason, Rule, SizingMethod
from allocation.services.sizing import SizedSignal
from base.core import figures
from base.core.money import minor_exponent

_FOUR = 10_000
_RULE_LIST, _REASON_LIST = list(Rule), list(Reason)
_SKIPS = {Reason.NO_CHANGE, Reason.BELOW_ONE_LOT, Reason.BELOW_MIN_LOT, Reason.BELOW_MIN_NOTIONAL, Reason.UNLISTED}
_CAPS = {Rule.CLASS_CAP, Rule.MANDATE_CAP, Rule.INSTRUMENT_CAP}
_BY_MANDATE = {Rule.MANDATE, Rule.MANDATE_CAP, Rule.LONG_ONLY}
_UNTOUCHED = {Rule.NONE, Rule.ROUNDING}


@dataclass(frozen=True, slots=True)
class Figures:
    """One account in whole numbers. raw, after: units of 10⁻⁴. order: 10⁻⁸, signed. notional, cash: minor units of the quote currency, at the limit
    where one is stated; None = not known. equity, held: exact worth in minor units of the quote currency, for weights."""

    place: int
    raw: int
    after: int
    order: int
    notional: int
    cash: int | None
    equity: int | None
    held: int


@dataclass(frozen=True, slots=True)
class TicketRow:
    """One line. tone: "order", "skipped" or "out" (hatched). facts: the arithmetic behind the binding rule."""

    account_id: str
    code: str
    name: str
    tone: str
    state: str = ""
    raw: Decimal | None = None
    after: Decimal | None = None
    order: Decimal | None = None
    notional: Decimal | None = None
    weight: Decimal | None = None
    cash: Decimal | None = None
    cash_note: str = ""
    is_clipped: bool = False
    rule: str = ""
    text: str = ""
    sentence: str = ""
    clause: str = ""
    facts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class TicketTotals:
    """Sums of the lines as shown. bought, sold: positive. weight: of the accounts' equity together."""

    accounts: int
    chosen: int
    raw: Decimal
    after: Decimal
    order: Decimal
    bought: Decimal
    sold: Decimal
    notional: Decimal
    weight: Decimal | None
    cash: Decimal | None
    unplaced: Decimal


def figures_of(sized: SizedSignal) -> list[Figures]:
    """Return every sized account's figures, in the order of the sizing."""
    result, arrays, request = sized.result, sized.accounts, sized.request
    lot = int(sized.instrument.lot_step * UNIT)
    exponent = minor_exponent(sized.instrument.currency)
    multiplier = int(sized.instrument.multiplier * UNIT)
    unit_price = int(sized.price * UNIT) * multiplier
    paid_price = int((sized.signal.limit_price or sized.price) * UNIT) * multiplier
    scale = 10 ** (24 - exponent)
    fx = list(zip(request.fx_num[:, 0].tolist(), request.fx_den[:, 0].tolist(), map(int, arrays.exponents), strict=True))
    found = []
    columns = zip(
        result.raw[:, 0].tolist(),
        result.wish[:, 0].tolist(),
        result.lots[:, 0].tolist(),
        result.quantity[:, 0].tolist(),
        arrays.position.tolist(),
        arrays.equity.tolist(),
        arrays.available.tolist(),
        arrays.currency.tolist(),
        strict=True,
    )
    for place, (raw, wish, lots, order, position, equity, available, currency) in enumerate(columns):
        after = wish if abs(wish) - abs(lots) * MICRO < MICRO else lots * MICRO
        rate = fx[currency]
        notional = _half_up(order * paid_price, scale)
        cash = _quoted(available, rate, exponent)
        found.append(
            Figures(
                place,
                _half_up(raw * lot * _FOUR, MICRO * UNIT),
                _half_up(after * lot * _FOUR, MICRO * UNIT),
                order,
                notional,
                None if cash is None else cash - notional,
                _quoted(equity, rate, exponent),
                (position + order) * unit_price // scale,
            )
        )
    return found


def totals_of(sized: SizedSignal, lines: list[Figures]) -> TicketTotals:
    """Return the sums of the lines as shown; accounts without an order count nowhere but in `chosen`."""
    ordered = [line for line in lines if line.order]
    minor = -minor_exponent(sized.instrument.currency)
    equity = [line.equity for line in ordered]
    cash = [line.cash for line in ordered]
    order = sum(line.order for line in ordered)
    wanted = sum(abs(line.after) for line in ordered)
    lot = int(sized.instrument.lot_step * UNIT)
    placed = sum(abs(line.order) for line in ordered)
    unplaced = max(wanted * (UNIT // _FOUR) // lot * lot - placed, 0)
    return TicketTotals(
        accounts=len(ordered),
        chosen=len(lines) + len(sized.excluded),
        raw=Decimal(sum(line.raw for line in ordered)).scaleb(-4),
        after=Decimal(sum(line.after for line in ordered)).scaleb(-4),
        order=Decimal(order).scaleb(-8),
        bought=Decimal(sum(line.order for line in ordered if line.order > 0)).scaleb(-8),
        sold=Decimal(-sum(line.order for line in ordered if line.order < 0)).scaleb(-8),
        notional=Decimal(sum(line.notional for line in ordered)).scaleb(minor),
        weight=_rate(sum(line.held for line in ordered), None if None in equity else sum(e or 0 for e in equity)),
        cash=None if None in cash else Decimal(sum(c or 0 for c in cash)).scaleb(minor),
        unplaced=Decimal(unplaced).scaleb(-8),
    )


def row_of(sized: SizedSignal, line: Figures, name: str) -> TicketRow:
    """Return one account's line with its words."""
    place = line.place
    rule = _RULE_LIST[int(sized.result.binding[place, 0])]
    reason = _REASON_LIST[int(sized.result.reason[place, 0])]
    words = RULES[rule]
    common: dict[str, Any] = {"account_id": sized.account_ids[place], "code": sized.accounts.codes[place], "name": name}
    clause = sized.clauses.get(str(sized.accounts.mandate_ids[place]), "") if rule in _BY_MANDATE else ""
    common |= {"clause": clause, "sentence": words.sentence, "facts": _arithmetic(sized, line, rule)}
    if not line.order:
        tone = "skipped" if reason in _SKIPS else "out"
        text = REASONS[reason].capitalize() if rule in _UNTOUCHED or reason not in (Reason.BLOCKED, Reason.CLIPPED) else words.short
        common["rule"] = "" if rule is Rule.NONE else words.id
        raw = Decimal(line.raw).scaleb(-4) if tone == "skipped" else None
        return TicketRow(tone=tone, state="Skipped" if tone == "skipped" else "Left out", text=text, raw=raw, **common)
    minor = -minor_exponent(sized.instrument.currency)
    clipped = rule not in _UNTOUCHED
    return TicketRow(
        tone="order",
        raw=Decimal(line.raw).scaleb(-4),
        after=Decimal(line.after).scaleb(-4),
        order=Decimal(line.order).scaleb(-8),
        notional=Decimal(line.notional).scaleb(minor),
        weight=_rate(line.held, line.equity),
        cash=None if line.cash is None else Decimal(line.cash).scaleb(minor),
        cash_note=_cash_note(sized, place),
        is_clipped=clipped,
        rule=words.id if clipped else "",
        text=_short(sized, place, rule) if clipped else f"None; {_rounded(line)}",
        **common,
    )


def left_out_rows(sized: SizedSignal, names: dict[str, str]) -> list[TicketRow]:
    """Return a line for every account that was out before anything was sized."""
    return [
        TicketRow(
            account_id=one.account_id,
            code=one.code,
            name=names.get(one.account_id, ""),
            tone="out",
            state="Left out",
            rule="GOV-10" if one.finding == "KILL_SWITCH" else "GOV-2",
            text=_FINDINGS.get(one.finding, one.finding.replace("_", " ").capitalize()),
            sentence=one.reason,
        )
        for one in sized.excluded
    ]


_FINDINGS = {
    "KILL_SWITCH": "Kill switch",
    "AUTH_NONE": "No authority",
    "AUTH_EXPIRED": "Authority ended",
    "AUTH_SCOPE": "Outside authority",
    "AUTH_REVOKED": "Authority revoked",
}


def _short(sized: SizedSignal, place: int, rule: Rule) -> str:
    cap = _cap(sized, place, rule)
    if cap is None:
        return RULES[rule].short
    who = {Rule.CLASS_CAP: f"{sized.accounts.class_names[place].capitalize()} cap", Rule.MANDATE_CAP: "Mandate"}.get(rule, "Instrument cap")
    return f"{who} {_plain_percent(cap)}"


def _cap(sized: SizedSignal, place: int, rule: Rule) -> Decimal | None:
    table = {Rule.CLASS_CAP: sized.request.class_cap, Rule.MANDATE_CAP: sized.request.mandate_cap}.get(rule)
    return None if table is None else Decimal(int(table[place if len(table) > 1 else 0, 0])).scaleb(-8)


def _arithmetic(sized: SizedSignal, line: Figures, rule: Rule) -> tuple[tuple[str, str], ...]:
    """Return the way from the raw wish to the order, as label and figure."""
    place, arrays = line.place, sized.accounts
    rows = [("Raw", figures.number(Decimal(line.raw).scaleb(-4), 4))]
    position = int(arrays.position[place])
    working = int(arrays.open_buy[place]) - int(arrays.open_sell[place])
    cap = _cap(sized, place, rule)
    if cap is not None and sized.signal.method in {SizingMethod.TARGET_WEIGHT, SizingMethod.CUSTOM, SizingMethod.FIXED}:
        allowed = Decimal(line.after).scaleb(-4) + Decimal(position + working).scaleb(-8)
        whole = _money(sized, place, int(arrays.equity[place]))
        rows.append((f"{_plain_percent(cap)} × {whole} / {figures.price(sized.price)}", figures.number(allowed, 4)))
    elif rule is Rule.BUYING_POWER:
        rows.append(("Available", _money(sized, place, int(arrays.available[place]))))
        rows.append((f"/ {figures.price(sized.price)} × 1.0025, limit and fees", _after(line)))
    elif rule not in _UNTOUCHED:
        rows.append((f"After {RULES[rule].short.lower()}", _after(line)))
    if position:
        rows.append(("Held", figures.number(Decimal(position).scaleb(-8))))
    if working:
        rows.append(("Working orders", figures.number(Decimal(working).scaleb(-8))))
    rows.append(("Order", f"{figures.number(Decimal(line.order).scaleb(-8))}, {_rounded(line)}"))
    return tuple(rows)


def _after(line: Figures) -> str:
    return figures.number(Decimal(line.after).scaleb(-4), 4)


def _rounded(line: Figures) -> str:
    wanted, got = abs(line.after) * (UNIT // _FOUR), abs(line.order)
    return "rounded up" if got > wanted else "rounded down" if got < wanted else "exact"


def _money(sized: SizedSignal, place: int, amount: int) -> str:
    if amount == MISSING:
        return "not known"
    currency = int(sized.accounts.currency[place])
    code, exponent = sized.accounts.currencies[currency], int(sized.accounts.exponents[currency])
    text = f"{Decimal(amount).scaleb(-exponent):,} {code}"
    rate = _fx_rate(sized, currency)
    return text if code == sized.instrument.currency or rate is None else f"{text} × {rate}"


def _cash_note(sized: SizedSignal, place: int) -> str:
    currency = int(sized.accounts.currency[place])
    if sized.accounts.currencies[currency] == sized.instrument.currency:
        return ""
    return f"{_money(sized, place, int(sized.accounts.available[place]))} before this order"


def _fx_rate(sized: SizedSignal, currency: int) -> str | None:
    num, den = int(sized.request.fx_num[currency, 0]), int(sized.request.fx_den[currency, 0])
    return None if MISSING in (num, den) else f"{(Decimal(num) / Decimal(den)).quantize(Decimal('0.0001'))}"


def _plain_percent(rate: Decimal) -> str:
    text = f"{(rate * 100).normalize():f}"
    return f"{text}%"


def _quoted(amount: int, rate: tuple[int, int, int], exponent: int) -> int | None:
    """Return an account's minor units in minor units of the quote currency."""
    num, den, own = rate
    if MISSING in (amount, num, den):
        return None
    return _half_up(amount * num * 10**exponent, den * 10**own)


def _rate(part: int, whole: int | None) -> Decimal | None:
    return Decimal(part) / Decimal(whole) if whole else None


def _half_up(top: int, bottom: int) -> int:
    rounded = (2 * abs(top) + bottom) // (2 * bottom)
    return rounded if top >= 0 else -rounded
