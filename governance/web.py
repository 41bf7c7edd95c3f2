"""The door every page goes through: who visits, in which firm, in which roles (DESIGN §6).

Entry points: `page` for views, `Visit` for what they know of their visitor, `visit_of`, `visit_in`, `choose_firm`.

Invariants
1. A page names its roles; a page that names none is for all staff. What is not a role's is 403, what is not in sight is 404.
2. Roles are read anew at every request: a membership that ended is dead on the next one.
3. The whole view, rendering included, runs in one tenancy block of the visitor's firm; a refusal undoes all of it. Views with `own_blocks`
   open theirs.
4. Without a second factor nobody but investors gets further than to setting one up (`settings.MFA_REQUIRED`); who has one, investors too, has
   shown it in this very session.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import Any
from urllib.parse import quote

from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib.auth import logout
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse

from base import tenancy
from base.addresses import back_to
from base.clock import process_clock
from base.errors import Forbidden, NotFound, Refused

from .core.subjects import Actor, Viewer
from .enums import Role
from .permissions import OVERSIGHT, PRECEDENCE, STAFF
from .queries import active_roles, firms_of
from .sign_in import has_shown_factor

FIRM_KEY = "firm_id"
_RULE = re.compile(r"[A-Z]{3,4}-\d")  # a code of the program tells nobody anything
View = Callable[..., HttpResponseBase]


@dataclass(frozen=True, slots=True)
class Visit:
    """A person in a firm, for one request. now: the instant of the request; is_proven: a second factor was shown in its session."""

    user: Any
    firm_id: int
    roles: frozenset[Role]
    now: datetime
    is_proven: bool

    @property
    def user_id(self) -> int:
        """Return the person's id."""
        return int(self.user.pk)

    def holds(self, roles: frozenset[Role]) -> bool:
        """Tell whether the person holds one of the roles."""
        return not self.roles.isdisjoint(roles)

    def actor(self, roles: frozenset[Role]) -> Actor:
        """Return the person in the first of these roles they hold. Raises Forbidden for somebody who holds none."""
        for role in PRECEDENCE:
            if role in self.roles & roles:
                return Actor(str(self.user_id), role)
        raise Forbidden("role", "your role may not do this")

    @property
    def viewer(self) -> Viewer:
        """Return the person as somebody who looks."""
        return Viewer(self.user_id, self.holds(OVERSIGHT), self.now.date())


class Request(HttpRequest):
    """A request that came through `page`."""

    visit: Visit
    htmx: Any


def page(view: View | None = None, *, roles: frozenset[Role] = STAFF, methods: tuple[str, ...] = ("GET",), own_blocks: bool = False) -> Any:
    """Make a view a page of the console, portal or their fragments: `@page`, `@page(roles=DEALERS, methods=("GET", "POST"))`.

    The view gets a `Request` whose `visit` says who it is. Refused becomes 422, 409 or 404 by its kind, told in a toast when htmx asked.
    own_blocks: the view calls a service that commits in steps (a release), so it opens its tenancy blocks itself.
    """

    def wrap(inner: View) -> View:
        @wraps(inner)
        def door(request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if request.method not in {*methods, *(["HEAD"] if "GET" in methods else [])}:
                return HttpResponseNotAllowed(methods)
            if not request.user.is_authenticated:
                return _sign_in(request)
            visit = visit_of(request)
            if visit is None:
                return _redirect(request, reverse("governance:firms"))
            if needs_second_factor(visit):
                return to_second_factor(request)
            request.visit = visit
            try:
                if not visit.holds(roles):
                    raise PermissionDenied
                with nullcontext() if own_blocks else tenancy.firm(visit.firm_id):
                    return inner(request, *args, **kwargs)
            except NotFound as error:
                raise Http404(error.message) from error
            except Refused as error:
                with tenancy.firm(visit.firm_id):  # the frame of the page reads, and the view's own block is gone
                    return refusal(request, error)

        door.roles, door.methods = roles, methods  # type: ignore[attr-defined]  # the permission matrix reads them
        return door

    return wrap if view is None else wrap(view)


def visit_of(request: HttpRequest) -> Visit | None:
    """Return the visit in the session's firm, or in the only one the person belongs to; None while they have to choose."""
    chosen = request.session.get(FIRM_KEY)
    if chosen is not None:
        visit = visit_in(request, int(chosen))
        if visit is not None:
            return visit
        del request.session[FIRM_KEY]
    firms = firms_of(int(request.user.pk))  # type: ignore[arg-type]
    if len(firms) != 1:
        return None
    request.session[FIRM_KEY] = firms[0].id
    return visit_of(request)


def visit_in(request: HttpRequest, firm_id: int) -> Visit | None:
    """Return the visit in a firm, None where the person holds no role there."""
    with tenancy.firm(firm_id):
        roles = active_roles(request.user)  # type: ignore[arg-type]
    return Visit(request.user, firm_id, roles, process_clock().now(), has_shown_factor(request)) if roles else None


def choose_firm(request: HttpRequest, firm_id: int) -> None:
    """Go on in another firm of the person's. Raises NotFound for one they do not belong to."""
    if firm_id not in {firm.id for firm in firms_of(int(request.user.pk))}:  # type: ignore[arg-type]
        raise NotFound("firm")
    request.session[FIRM_KEY] = firm_id


def needs_second_factor(visit: Visit) -> bool:
    """Tell whether the person has to set up a second factor before anything else (everybody but investors), or to show the one they have."""
    if settings.MFA_REQUIRED and is_mfa_enabled(visit.user):
        return not visit.is_proven
    return lacks_second_factor(visit.user, visit.roles)


def lacks_second_factor(user: Any, roles: frozenset[Role]) -> bool:
    """Tell whether a person in these roles must have a second factor and has none."""
    return settings.MFA_REQUIRED and roles != {Role.INVESTOR} and not is_mfa_enabled(user)


def refusal(request: Request, error: Refused) -> HttpResponse:
    """Answer a refusal: a toast for htmx, else a page that says what was refused and why."""
    if getattr(request, "htmx", False):
        answer = HttpResponse(status=error.status)
        answer["HX-Reswap"] = "none"
        answer["HX-Trigger"] = json.dumps({"toast": {"kind": "fail", "text": error.message, "rule": error.code}})
        return answer
    context = {
        "error": error,
        "rule": error.code if _RULE.match(error.code) else "",
        "problems": error.problems(),
        "back": back_to(request, "/"),
    }
    return render(request, "refused.html", context, status=error.status)


def _sign_in(request: Any) -> HttpResponse:
    if getattr(request, "htmx", False):
        back = request.htmx.current_url_abs_path or "/"
        return _redirect(request, f"{settings.LOGIN_URL}?next={quote(back)}")
    return redirect_to_login(request.get_full_path(), settings.LOGIN_URL)


def to_second_factor(request: HttpRequest) -> HttpResponse:
    """Send to setting one up; a session from before there was one begins anew, with it."""
    if not is_mfa_enabled(request.user):
        return _redirect(request, settings.MFA_SETUP_URL)
    answer = _sign_in(request)
    logout(request)
    return answer


def _redirect(request: HttpRequest, where: str) -> HttpResponse:
    if getattr(request, "htmx", False):
        answer = HttpResponse(status=204)
        answer["HX-Redirect"] = where
        return answer
    return HttpResponseRedirect(where)
