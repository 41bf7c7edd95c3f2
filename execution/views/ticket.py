"""One ticket for many accounts: the page, its preview as one types, its release."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse

from accounts.enums import AccountClass
from accounts.queries import group_names
from allocation.core.signal_body import SignalBody
from allocation.core.words import METHODS
from allocation.queries import Follower, tradable_followers, tradable_strategies
from allocation.services import is_taken
from base import tenancy
from base.core.validation import InvalidInput, InvalidInputs
from base.errors import Forbidden, NotFound, Refused
from governance.permissions import DEALERS
from governance.web import Request, Visit, page
from market.queries import latest_quotes, search_instruments

from ..forms import FORM_FIELDS, TicketForm, new_key, problems_by_field, seal, unseal
from ..queries.releases import last_release, release_story
from ..services.release import ReleaseFacts
from ..services.ticket import TicketPreview, ask_about_ticket, preview_ticket, release_ticket, source_of
from .prefill import prefilled

MOST_TICKS = 300
SHORT = 6
# What is not there yet is no refusal: a preview answers it like any other keystroke.
MISSING = ("required", "nobody", "needs_stop_or_target")


@page(roles=DEALERS)
def ticket(request: Request) -> HttpResponse:
    """Show the ticket: blank, from the address, or from an earlier release."""
    visit = request.visit
    strategies = tradable_strategies(user_id=visit.user_id)
    form, title = prefilled(request.GET, visit.viewer, strategies)
    last = last_release(viewer=visit.viewer)
    context = {
        "form": form,
        "from_title": title,
        "is_prefilled": bool(request.GET),
        "nothing_to_reverse": bool(request.GET.get("reverse")) and not form.per_account,
        "strategies": strategies,
        "methods": METHODS,
        "previous": release_story(journey_id=last, viewer=visit.viewer, most=SHORT) if last else None,
        **_who(form, visit.user_id),
    }
    return render(request, "execution/ticket.html", context)


@page(roles=DEALERS, methods=("POST",))
def accounts(request: Request) -> HttpResponse:
    """Show whom the chosen strategy lets the person trade for, to filter and tick."""
    form = TicketForm.of(request.POST)
    return render(request, "execution/_who.html", {"form": form, **_who(form, request.visit.user_id, find=request.POST.get("find", ""))})


@page(roles=DEALERS)
def instruments(request: Request) -> HttpResponse:
    """Show the instruments that what was typed may mean, with their quotes."""
    found = search_instruments(text=request.GET.get("symbol", ""))
    now = request.visit.now
    quotes = latest_quotes(instrument_ids=[one.id for one in found], now=now)
    rows = [(one, quotes.get(one.id), quotes[one.id].age(now) if one.id in quotes else None) for one in found]
    return render(request, "execution/_instruments.html", {"rows": rows})


@page(roles=DEALERS, methods=("POST",))
def preview(request: Request) -> HttpResponse:
    """Show what the ticket would do now; nothing is written."""
    form = TicketForm.of(request.POST)
    if form.is_blank:
        return _answer(request, form, None, {}, None, 200)
    try:
        return _answer(request, form, _previewed(request, form), {}, None, 200)
    except InvalidInputs as several:
        is_missing = all(problem.rule in MISSING for problem in several.problems)
        return _answer(request, form, None, problems_by_field(several.problems), None, 200 if is_missing else 422)
    except Forbidden:
        raise
    except Refused as refused:
        return _refused(request, form, refused)


@page(roles=DEALERS, methods=("POST",), own_blocks=True)
def release(request: Request) -> HttpResponse:
    """Release what was shown; a difference is answered with 409 and a table, and nothing is written."""
    visit, form = request.visit, TicketForm.of(request.POST)
    actor = visit.actor(DEALERS)
    try:
        shown = unseal(request.POST.get("seen", ""), user_id=visit.user_id)
        with tenancy.firm(visit.firm_id):
            body = _body(form, visit)
        key = _key(form)
        facts = release_ticket(firm_id=visit.firm_id, key=key, body=body, shown=shown, actor=actor, now=visit.now, reason=form.reason)
    except InvalidInput as problem:
        return _told(request, Refused(problem.rule, f"{problem.field}: {problem.rule}"), 422)
    except InvalidInputs as several:
        with tenancy.firm(visit.firm_id):
            return _answer(request, form, None, problems_by_field(several.problems), None, 422)
    except Refused as refused:
        return _told(request, refused, refused.status)
    return _blocked(request, facts) if facts.blocked else _gone(facts)


@page(roles=DEALERS, methods=("POST",))
def approval(request: Request) -> HttpResponse:
    """Ask a second person to let the ticket pass gate 1's limits (GOV-4)."""
    visit, form = request.visit, TicketForm.of(request.POST)
    try:
        shown = unseal(request.POST.get("seen", ""), user_id=visit.user_id)
        key, body = _key(form), _body(form, visit)
    except InvalidInput as problem:
        raise Refused(problem.rule, f"{problem.field}: {problem.rule}") from problem
    except InvalidInputs as several:
        return _answer(request, form, None, problems_by_field(several.problems), None, 422)
    if not form.reason:
        return _answer(request, form, _previewed(request, form), {"reason": ["is needed: a second person has to judge it"]}, None, 422)
    ask_about_ticket(key=key, body=body, shown=shown, actor=visit.actor(DEALERS), now=visit.now, reason=form.reason)
    answer = _answer(request, form, _previewed(request, form), {}, None, 200)
    answer["HX-Trigger"] = json.dumps(
        {"toast": {"kind": "pass", "text": "Approval asked for", "note": "It lives 15 minutes", "rule": "GOV-4"}}
    )
    return answer


def _body(form: TicketForm, visit: Visit) -> SignalBody:
    """Return what the form states for the accounts its person may trade; in the firm's block."""
    followers = tradable_followers(user_id=visit.user_id, strategy=form.strategy, with_groups=bool(form.groups))
    return form.body(followers, now=visit.now)


def _previewed(request: Request, form: TicketForm) -> TicketPreview:
    """Return the preview under the form's key, or under a fresh one where that names another body or was released."""
    visit = request.visit
    actor, key = visit.actor(DEALERS), _key(form)
    body = _body(form, visit)
    if is_taken(source=source_of(actor), idempotency_key=key, body_sha256=body.sha256):
        key = new_key()
    return preview_ticket(key=key, body=body, actor=actor, now=visit.now, show_all=form.show_all)


def _key(form: TicketForm) -> str:
    """Return the form's key. Raises InvalidInput for one that no form of ours has."""
    if len(form.key) != 32 or not form.key.isascii() or not form.key.isalnum():
        raise InvalidInputs([InvalidInput("key", form.key, "required")])
    return form.key


def _answer(
    request: Request, form: TicketForm, shown: TicketPreview | None, errors: dict[str, list[str]], refused: Refused | None, status: int
) -> HttpResponse:
    """Return the preview with everything around it that changes with it: heading, button, errors beside their fields."""
    visit = request.visit
    key = shown.sized.signal.idempotency_key if shown is not None else form.key
    named = {*FORM_FIELDS}
    if shown is not None and shown.problem is not None and (field := str(shown.problem.context.get("field", ""))) in named:
        errors = {**errors, field: [shown.problem.message]}
    context: dict[str, Any] = {
        "form": form,
        "shown": shown,
        "key": key,
        "seen": seal(shown.shown, user_id=visit.user_id) if shown else "",
        "errors": [(name, errors.get(name, [])) for name in FORM_FIELDS],
        "other_errors": [(name, texts) for name, texts in errors.items() if name not in named],
        "refused": refused,
        "quote": shown.sized.quote if shown else None,
        "quote_age": shown.sized.quote.age(visit.now) if shown else None,
    }
    return render(request, "execution/_preview.html", context, status=status)


def _refused(request: Request, form: TicketForm, refused: Refused) -> HttpResponse:
    """Answer what cannot be sized: beside its field where it has one."""
    name = str(refused.context.get("field", ""))
    if name in FORM_FIELDS:
        text = problems_by_field([InvalidInput(name, str(refused.context.get("value", "")), refused.code)])[name]
        words = text if isinstance(refused, NotFound) else [refused.message]
        return _answer(request, form, None, {name: words}, None, 422)
    return _answer(request, form, None, {}, refused, 422)


def _told(request: Request, refused: Refused, status: int) -> HttpResponse:
    """Answer a release that did not happen, with the difference, and let the page look again."""
    rows = [
        {"what": row.get("what") or f"{row.get('account') or ''} {row.get('field', '')}".strip(), **row} for row in _differences(refused)
    ]
    with tenancy.firm(request.visit.firm_id):
        answer = render(request, "execution/_not_released.html", {"refused": refused, "rows": rows}, status=status)
    toast = {"kind": "fail", "text": "Not released", "note": refused.message, "rule": refused.code}
    answer["HX-Trigger"] = json.dumps({"toast": toast, "ticket:refresh": True})
    return answer


def _differences(refused: Refused) -> list[dict[str, Any]]:
    """Return what a refused release names as changed."""
    return list(refused.context.get("differences", []))


def _blocked(request: Request, facts: ReleaseFacts) -> HttpResponse:
    """Answer what gate 1 refused: rule, number and limit of each finding."""
    with tenancy.firm(request.visit.firm_id):
        answer = render(request, "execution/_not_released.html", {"blocked": facts.blocked}, status=422)
    answer["HX-Trigger"] = json.dumps({"toast": {"kind": "fail", "text": "Gate 1 refused the release"}, "ticket:refresh": True})
    return answer


def _gone(facts: ReleaseFacts) -> HttpResponse:
    answer = HttpResponse(status=204)
    answer["HX-Redirect"] = reverse("execution:released", args=[facts.journey_id])
    return answer


def _who(form: TicketForm, user_id: int, find: str = "") -> dict[str, Any]:
    """Return the accounts the person may tick, at most so many as a list can show, with the groups and classes they fall into."""
    followers = tradable_followers(user_id=user_id, strategy=form.strategy)
    wanted = find.strip().lower()
    matching: Sequence[Follower] = [f for f in followers if not wanted or wanted in f.code.lower() or wanted in f.name.lower()]
    names = group_names()
    counts: dict[str, int] = {}
    for follower in followers:
        for code in (*follower.groups, follower.account_class):
            counts[code] = counts.get(code, 0) + 1
    listed = {name.strip() for name in form.accounts.split(",") if name.strip()}
    is_only = form.pick == "only"
    return {
        "followers": followers,
        "groups": [(code, name, counts[code], code in form.groups) for code, name in names.items() if code in counts],
        "classes": [(k.value, k.value.capitalize(), counts[k.value], k.value in form.classes) for k in AccountClass if k.value in counts],
        "ticks": [(f, ((f.code in listed or str(f.id) in listed) == is_only)) for f in matching[:MOST_TICKS]],
        "more_ticks": max(len(matching) - MOST_TICKS, 0),
        "find": find,
    }
