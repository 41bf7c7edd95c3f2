"""Positions over all accounts, and closing them in bulk (SIZ-8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from uuid import UUID

from django.http import HttpResponse, QueryDict
from django.shortcuts import render

from accounts.queries.consolidated import SleevePosition, positions_by_sleeve
from accounts.queries.valuation import prices_of
from allocation.queries import strategies_of_sleeves, tradable_strategies
from base.core.money import round_money
from base.core.validation import InvalidInput, InvalidInputs, parse_decimal
from base.csv_export import csv_response
from base.errors import Refused
from governance import services as governance
from governance.core.subjects import Subject
from governance.enums import AuditAction, SubjectKind
from governance.permissions import DEALERS, STAFF
from governance.web import Request, Visit, page
from market import queries as market
from market.queries import InstrumentFacts

from ..enums import Level
from ..forms import WORDS, new_key, seal, unseal
from ..queries.levels import LevelSpan, level_spans
from ..services.closing import Target, preview_closing, release_closing

MOST_TARGETS = 40


@dataclass(frozen=True, slots=True)
class Row:
    """An instrument in a strategy, over accounts. value, gain: in the instrument's currency, None without a price."""

    held: SleevePosition
    instrument: InstrumentFacts
    strategy: str
    code: str
    price: Decimal | None
    source: str
    value: Decimal | None
    gain: Decimal | None
    may_close: bool
    stop: LevelSpan | None = None
    target: LevelSpan | None = None

    @property
    def net(self) -> Decimal:
        """Return long and short together."""
        return self.held.long + self.held.short

    @property
    def name(self) -> str:
        """Return what a form calls the row."""
        return f"{self.code}:{self.held.sleeve_id}:{self.held.instrument_id}"


@page
def positions(request: Request) -> HttpResponse:
    """Show positions by instrument and strategy; `q` filters, `format=csv` downloads."""
    rows = _rows(request.visit, request.GET.get("q", ""))
    if request.GET.get("format") == "csv":
        return _download(request, rows)
    context = {"rows": rows, "q": request.GET.get("q", "")[:60], "closable": any(row.may_close for row in rows)}
    return render(request, "execution/_positions.html" if request.htmx else "execution/positions.html", context)


@page(roles=DEALERS, methods=("POST",))
def close_preview(request: Request) -> HttpResponse:
    """Show what closing the ticked positions would do; nothing is written."""
    try:
        share, targets = _stated(request.POST)
    except InvalidInput as problem:
        return render(request, "execution/_closing.html", {"error": refusal_of(problem)}, status=422)
    actor = request.visit.actor(DEALERS)
    found = preview_closing(targets=targets, share=share, actor=actor, now=request.visit.now)
    lines = [(one, seal(one.preview.shown, user_id=request.visit.user_id) if one.preview else "") for one in found]
    ready = sum(1 for one in found if one.preview is not None and one.preview.can_release)
    return render(request, "execution/_closing.html", {"lines": lines, "percent": f"{(share * 100).normalize():f}", "ready": ready})


@page(roles=DEALERS, methods=("POST",), own_blocks=True)
def close_release(request: Request) -> HttpResponse:
    """Release the closings that were shown; each answers for itself."""
    visit = request.visit
    try:
        share = _share(request.POST)
        shown = {
            _target(name, key): unseal(seen, user_id=visit.user_id)
            for name, key, seen in zip(
                request.POST.getlist("target"), request.POST.getlist("key"), request.POST.getlist("seen"), strict=False
            )
        }
        if not shown or len(shown) > MOST_TARGETS:
            raise InvalidInput("target", str(len(shown)), f"1 to {MOST_TARGETS} positions")
    except (InvalidInput, InvalidInputs) as problem:
        raise Refused("closing", str(problem)) from problem
    reason = request.POST.get("reason", "").replace("\0", "").strip()[:200]
    done = release_closing(firm_id=visit.firm_id, shown=shown, share=share, actor=visit.actor(DEALERS), now=visit.now, reason=reason)
    return render(request, "execution/_closed.html", {"done": done})


def _stated(form: QueryDict) -> tuple[Decimal, list[Target]]:
    names = form.getlist("pick")
    if not names or len(names) > MOST_TARGETS:
        raise InvalidInput("positions", str(len(names)), f"tick 1 to {MOST_TARGETS} positions")
    return _share(form), [_target(name, new_key()) for name in dict.fromkeys(names)]


def _share(form: QueryDict) -> Decimal:
    """Return the share to close, 1 for all of it. Raises InvalidInput."""
    text = form.get("percent", "").strip().removesuffix("%").rstrip()
    percent = parse_decimal(text, "percent", positive=True, scale=4, maximum=Decimal(100))
    return percent / 100


def _target(name: str, key: str) -> Target:
    """Return what a form's name means. Raises InvalidInput."""
    return Target(*parse_name(name), parse_key(key))


def parse_name(name: str) -> tuple[str, UUID, int]:
    """Return strategy, sleeve and instrument of a row as a form calls it. Raises InvalidInput."""
    parts = name.rsplit(":", 2)
    if len(parts) != 3 or not parts[0].isprintable() or not (parts[2].isascii() and parts[2].isdigit() and len(parts[2]) < 19):
        raise InvalidInput("positions", name[:60], "a position of the list")
    try:
        return parts[0], UUID(parts[1]), int(parts[2])
    except ValueError:
        raise InvalidInput("positions", name[:60], "a position of the list") from None


def refusal_of(problem: InvalidInput) -> str:
    """Return what is wrong with what was stated, as a sentence."""
    if problem.field == "positions":
        return problem.rule[:1].upper() + problem.rule[1:]
    value = f" “{problem.value[:40]}”" if problem.value else ""
    words = "is at most 100" if (problem.field, problem.rule) == ("percent", "maximum") else WORDS.get(problem.rule, problem.rule)
    return f"{_NAMED.get(problem.field, problem.field.capitalize())}{value} {words}"


_NAMED = {"percent": "The percent to close"}


def parse_key(key: str) -> str:
    """Return a form's idempotency key. Raises InvalidInput."""
    if len(key) != 32 or not key.isascii() or not key.isalnum():
        raise InvalidInput("key", key[:40], "a key of this form")
    return key


def _rows(visit: Visit, text: str) -> list[Row]:
    held = positions_by_sleeve(visit.viewer)
    if not held:
        return []
    known = market.instruments({one.instrument_id for one in held})
    prices = prices_of(instrument_ids=sorted(known), now=visit.now)
    worth = dict(zip(prices.ids.tolist(), prices.worth, strict=True))
    strategies = strategies_of_sleeves()
    mine = {one.code for one in tradable_strategies(user_id=visit.user_id)} if visit.holds(DEALERS) else set()
    wanted = text.strip().lower()
    spans = level_spans(visit.viewer)
    rows = []
    for one in held:
        facts, unit = known[one.instrument_id], worth[one.instrument_id]
        code, name = strategies.get(one.sleeve_id, ("", one.sleeve))
        if wanted and wanted not in f"{facts.symbol} {facts.name} {name}".lower():
            continue
        value = None if unit is None else round_money(Fraction(one.long + one.short) * unit, facts.currency)
        price = None if unit is None else _decimal(unit / Fraction(facts.multiplier))
        gain = None if value is None else value - one.basis
        stop, target = (spans.get((one.sleeve_id, one.instrument_id, level)) for level in (Level.STOP, Level.TARGET))
        rows.append(Row(one, facts, name, code, price, prices.sources.get(facts.id, ""), value, gain, code in mine, stop, target))
    return sorted(rows, key=lambda row: (row.strategy, row.instrument.symbol))


def _span(span: LevelSpan | None) -> tuple[Decimal | None, Decimal | None, int]:
    return (None, None, 0) if span is None else (span.low, span.high, span.accounts)


def _decimal(value: Fraction) -> Decimal:
    return Decimal(value.numerator) / Decimal(value.denominator)


def _download(request: Request, rows: Sequence[Row]) -> HttpResponse:
    governance.audit(
        action=AuditAction.EXPORTED,
        subject=Subject(SubjectKind.FIRM, str(request.visit.firm_id)),
        actor=request.visit.actor(STAFF),
        now=request.visit.now,
        after={"what": "positions", "rows": len(rows)},
        rule="GOV-7",
    )
    header = ("strategy", "symbol", "long", "short", "net", "price", "currency", "value", "basis", "gain", "accounts",
              "stop_low", "stop_high", "accounts_with_stop", "target_low", "target_high", "accounts_with_target")  # fmt: skip
    lines = [
        (r.strategy, r.instrument.symbol, r.held.long, r.held.short, r.net, r.price, r.instrument.currency, r.value, r.held.basis, r.gain, r.held.accounts,
         *_span(r.stop), *_span(r.target))
        for r in rows
    ]  # fmt: skip
    return csv_response("positions", header, lines)
