"""Stops and targets of positions: account by account, and changed in bulk (SIZ-8)."""

from __future__ import annotations

from decimal import Decimal

from django.http import HttpResponse, QueryDict
from django.shortcuts import render

from allocation.core.signal_body import LARGEST
from base.core.validation import InvalidInput, parse_decimal, parse_enum
from base.errors import Refused
from governance.permissions import DEALERS
from governance.web import Request, page
from market import queries as market

from ..enums import Level
from ..forms import new_key
from ..queries.levels import protected_holders
from ..services.level_answers import LevelTarget, LevelWishes, TargetAnswers
from ..services.levels import change_levels, preview_levels
from .positions import MOST_TARGETS, parse_key, parse_name, refusal_of

MOST_ROWS = 200
_WISHES = ("price", "offset", "remove")


@page
def holders(request: Request) -> HttpResponse:
    """Show the accounts of one position with the entry, stop and target of each."""
    try:
        strategy, sleeve_id, instrument_id = parse_name(request.GET.get("row", ""))
    except InvalidInput as problem:
        return _refused(request, problem)
    instrument = market.instrument(instrument_id)
    rows = protected_holders(request.visit.viewer, sleeve_id=sleeve_id, instrument=instrument)
    return render(request, "execution/_level_holders.html", {"rows": rows, "instrument": instrument, "strategy": strategy})


@page(roles=DEALERS, methods=("POST",))
def preview(request: Request) -> HttpResponse:
    """Show what a change would come to in each account; nothing is written."""
    try:
        wish, targets = _wish(request.POST), _targets(request.POST, "pick")
    except InvalidInput as problem:
        return _refused(request, problem)
    found = preview_levels(targets=targets, wish=wish, actor=request.visit.actor(DEALERS), now=request.visit.now)
    context = _context(request.POST, wish, found) | {"key": new_key(), "names": request.POST.getlist("pick")}
    return render(request, "execution/_levels_preview.html", context)


@page(roles=DEALERS, methods=("POST",))
def apply(request: Request) -> HttpResponse:
    """Carry a change out; a second click gets the first answers."""
    try:
        wish, targets = _wish(request.POST), _targets(request.POST, "target")
        key = parse_key(request.POST.get("key", ""))
    except InvalidInput as problem:
        raise Refused("levels", f"{problem.field}: {problem.rule}") from problem
    reason = request.POST.get("reason", "").replace("\0", "").strip()[:200]
    actor = request.visit.actor(DEALERS)
    done = change_levels(key=key, targets=targets, wish=wish, actor=actor, now=request.visit.now, reason=reason)
    return render(request, "execution/_levels_done.html", _context(request.POST, wish, done))


def _wish(form: QueryDict) -> LevelWishes:
    """Return what is wished. Raises InvalidInput."""
    level = parse_enum(form.get("level", ""), "level", Level)
    kind = form.get("wish", "")
    if kind not in _WISHES:
        raise InvalidInput("wish", kind[:20], "choose a price, a distance from entry, or to remove")
    if kind == "remove":
        return LevelWishes(level)
    text = form.get("figure", "").strip().replace("\u2212", "-")
    if kind == "price":
        return LevelWishes(level, price=parse_decimal(text, "price", positive=True, scale=8, maximum=LARGEST))
    offset: Decimal = parse_decimal(text, "distance", scale=8, minimum=-LARGEST, maximum=LARGEST)
    return LevelWishes(level, offset=offset)


def _targets(form: QueryDict, field: str) -> list[LevelTarget]:
    names = list(dict.fromkeys(form.getlist(field)))
    if not names or len(names) > MOST_TARGETS:
        raise InvalidInput("positions", str(len(names)), f"tick 1 to {MOST_TARGETS} positions")
    return [LevelTarget(*parse_name(name)) for name in names]


def _context(form: QueryDict, wish: LevelWishes, found: list[TargetAnswers]) -> dict[str, object]:
    lines = [(one, answer) for one in found for answer in one.answers]
    return {
        "wish": wish,
        "kind": form.get("wish"),
        "figure": form.get("figure", "").strip(),
        "found": found,
        "lines": lines[:MOST_ROWS],
        "hidden": max(len(lines) - MOST_ROWS, 0),
        "changes": sum(1 for _, answer in lines if answer.changes),
        "rejected": sum(1 for _, answer in lines if answer.outcome == "rejected"),
        "problems": [one for one in found if one.problem],
    }


def _refused(request: Request, problem: InvalidInput) -> HttpResponse:
    return render(request, "execution/_closing.html", {"error": refusal_of(problem)}, status=422)
