"""The admin site of compliance, risk and operations: who may enter, and how anything is changed there (GOV-4, GOV-7, I9).

Entry points: `site`, `HouseAdmin` for a table, `Act` for a change (what it asks: adminforms), `Done` for what it answers.

Invariants
1. Every request of the site goes through the door of pages: a role, a second factor, one tenancy block around view and rendering.
2. A table is shown and never edited: there is no add, change or delete form. What changes does so by an `Act`, which calls one service as the
   visitor; the service writes the audit event.
3. An act names its roles; operations read only. An act that hands out rights asks again who is there.
4. A refusal of the service stands beside the form, and nothing was written.
5. An act whose `when` does not fit its row as it stands is not done: 409, whatever address it is asked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import update_wrapper
from typing import Any, NoReturn
from urllib.parse import quote

from django.contrib import messages
from django.contrib.admin.views.main import ERROR_FLAG
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from unfold.admin import ModelAdmin
from unfold.enums import ActionVariant
from unfold.sites import UnfoldAdminSite

from base.errors import Refused

from .adminexport import EXPORT, export, export_link
from .adminforms import ActForm, Reason
from .core.subjects import Actor
from .enums import Role
from .permissions import CONTROL, OVERSIGHT
from .sign_in import signed_in_lately
from .web import Request, Visit, page

# unfold's Alpine evaluates attributes and its theme is a style element; nothing else of the site gets these.
POLICY = {"script-src": ["'self'", "'unsafe-eval'"], "style-src": ["'self'", "'unsafe-inline'"]}


class HouseSite(UnfoldAdminSite):
    """The site, behind the door of pages. There is no sign-in of its own."""

    site_title = site_header = "mamweb"
    index_title = "Oversight"
    empty_value_display = "–"
    index_template = "admin/oversight.html"
    final_catch_all_view = False
    dashboard: Callable[[Visit], dict[str, Any]] | None = None

    def has_permission(self, request: HttpRequest) -> bool:
        """Tell whether the request came through the door."""
        return hasattr(request, "visit")

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Any:
        """Put a view behind the door, and render it inside of the firm's block."""
        inner = super().admin_view(view, cacheable)

        def rendered(request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
            answer = inner(request, *args, **kwargs)
            if hasattr(answer, "render"):
                answer.render()
            answer._csp_update = POLICY
            return answer  # type: ignore[no-any-return]

        return page(update_wrapper(rendered, view), roles=OVERSIGHT, methods=("GET", "POST"))

    def get_urls(self) -> list[Any]:
        """Return the site's addresses without the one that leads to any object by its content type."""
        return [entry for entry in super().get_urls() if getattr(entry, "name", "") != "view_on_site"]

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Send to the house's sign-in."""
        return HttpResponseRedirect(f"{reverse('account_login')}?next={quote(request.GET.get('next', reverse('admin:index')))}")

    def logout(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Send to the house's sign-out."""
        return HttpResponseRedirect(reverse("account_logout"))

    def password_change(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Send to the person's own page."""
        return HttpResponseRedirect(reverse("you"))

    def search(self, request: HttpRequest, extra_context: Any = None) -> NoReturn:
        """Answer that there is none: results would be kept over firms."""
        raise Http404

    def autocomplete_view(self, request: HttpRequest) -> NoReturn:
        """Answer that there is none."""
        raise Http404

    def index(self, request: HttpRequest, extra_context: Any = None) -> TemplateResponse:
        """Show what waits."""
        waiting = self.dashboard(request.visit) if self.dashboard else {}  # type: ignore[attr-defined]
        return super().index(request, {**waiting, **(extra_context or {})})

    def get_sidebar_list(self, request: HttpRequest) -> list[dict[str, Any]]:
        """Return the tables in groups, as their admins name them."""
        groups: dict[str, list[dict[str, Any]]] = {}
        for model, admin in self._registry.items():
            link = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
            one = {"title": admin.title, "icon": admin.icon, "link": link, "active": request.path.startswith(link), "has_permission": True}  # type: ignore[attr-defined]
            groups.setdefault(admin.group, []).append(one)  # type: ignore[attr-defined]
        home = {"title": "What waits", "icon": "checklist", "link": reverse("admin:index"), "has_permission": True}
        home["active"] = request.path == home["link"]
        found = [{"title": "", "items": [home]}]
        return found + [{"title": name, "items": groups[name], "separator": True} for name in GROUPS if name in groups]


GROUPS = ("Accounts", "Authority", "Control", "People", "Record")
site = HouseSite(name="admin")


@dataclass(frozen=True, slots=True)
class Done:
    """What an act answers. secret: shown this once. lines: a report, shown on the page of the act."""

    message: str
    secret: str = ""
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class Act:
    """A change. run: calls one service as `actor` and says what was done; form: what it asks; when: whether it fits the row now.

    unfit: what somebody reads who asks for it where it does not fit.
    about_row: it is about one row (its button stands on the row's page), else about the table. fresh: asks again who is there.
    """

    name: str
    title: str
    run: Callable[[Actor, Visit, Any, dict[str, Any]], Done | str]
    form: type[ActForm] = Reason
    about_row: bool = True
    roles: frozenset[Role] = CONTROL
    fresh: bool = False
    danger: bool = False
    about: str = ""
    when: Callable[[Any, Visit], bool] = field(default=lambda obj, visit: True)
    unfit: str = ""


class HouseAdmin(ModelAdmin):
    """A table to look at, with the acts that change it."""

    group, title, icon = "Record", "", "table"
    acts: tuple[Act, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    actions = None
    show_full_result_count = False
    list_per_page = 50
    list_filter_submit = False
    compressed_fields = True
    list_select_related: Any = ()
    change_form_show_cancel_button = False
    export_also: tuple[str, ...] = ()  # columns of the download beside those of the list

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Tell whether the request came through the door."""
        return hasattr(request, "visit")

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Tell the same of the whole app."""
        return hasattr(request, "visit")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False: see the acts."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False: see the acts."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False: see the acts."""
        return False

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> NoReturn:
        """Answer that there is none: the audit trail is the history."""
        raise Http404

    def get_queryset(self, request: HttpRequest) -> Any:
        """Return the firm's rows, with what the list and the page show of others."""
        rows = super().get_queryset(request)
        return rows.select_related(*self.list_select_related) if self.list_select_related else rows

    def get_urls(self) -> list[Any]:
        """Return the table's addresses and those of its acts."""
        info = f"{self.model._meta.app_label}_{self.model._meta.model_name}"
        own = []
        for act in self.acts:
            where = f"<path:object_id>/do/{act.name}" if act.about_row else f"do/{act.name}"
            own.append(path(where, self.admin_site.admin_view(self._view(act)), name=f"{info}_do_{act.name}"))
        return [*own, *self.own_urls(info), *super().get_urls()]

    def own_urls(self, info: str) -> list[Any]:
        """Return further addresses of this table."""
        return []

    def _view(self, act: Act) -> Callable[..., HttpResponse]:
        def view(request: Request, object_id: str | None = None) -> HttpResponse:
            return self.perform(request, act, object_id)

        return view

    def perform(self, request: Request, act: Act, object_id: str | None) -> HttpResponse:
        """Ask what the act needs, do it, and say what was done."""
        obj = self.get_object(request, object_id) if object_id is not None else None
        if object_id is not None and obj is None:
            raise Http404
        if not request.visit.holds(act.roles):
            raise PermissionDenied
        if obj is not None and not act.when(obj, request.visit):
            unfit = act.unfit or "This does not fit the row as it stands now. It may have changed since you opened it."
            return self._page(request, act, obj, 409, unfit=unfit)
        if act.fresh and not signed_in_lately(request):
            return HttpResponseRedirect(f"{reverse('account_reauthenticate')}?next={quote(request.path)}")
        given = (request.POST, request.FILES) if request.method == "POST" else ()
        form, done = act.form(*given, obj=obj, visit=request.visit), None
        if request.method == "POST" and form.is_valid():
            done = self._try(request.visit, act, obj, form)
            if done is not None and not (done.secret or done.lines):
                messages.success(request, done.message)
                is_there = obj is not None and self.get_queryset(request).filter(pk=obj.pk).exists()
                return HttpResponseRedirect(self._after(obj if is_there else None))
        return self._page(request, act, obj, 422 if form.errors else 200, form=form, done=done)

    def _page(self, request: Request, act: Act, obj: Any, status: int, **shown: Any) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.model._meta,
            "title": act.title,
            "crumbs": [*self._crumbs(obj), (act.title, request.path)],
            "act": act,
            "back": self._after(obj),
            **shown,
        }
        return TemplateResponse(request, "admin/act.html", context, status=status)

    def _try(self, visit: Visit, act: Act, obj: Any, form: ActForm) -> Done | None:
        try:
            with transaction.atomic():
                said = act.run(visit.actor(act.roles), visit, obj, form.cleaned_data)
        except Refused as error:
            for name, said in (error.context.get("fields") or {error.context.get("field"): [error.message]}).items():
                for message in said:
                    form.add_error(name if name in form.fields else None, f"{message[:1].upper()}{message[1:]} ({error.code})")
            return None
        return said if isinstance(said, Done) else Done(said)

    def _after(self, obj: Any) -> str:
        info = f"admin:{self.model._meta.app_label}_{self.model._meta.model_name}"
        return reverse(f"{info}_changelist") if obj is None else reverse(f"{info}_change", args=[obj.pk])

    def _crumbs(self, obj: Any) -> list[tuple[str, str]]:
        here = [(self.title, self._after(None))]
        return here if obj is None else [*here, (self.named(obj), self._after(obj))]

    def named(self, obj: Any) -> str:
        """Return what the row is called on its own page."""
        return getattr(obj, "code", "") or str(obj.pk)

    def changeform_view(self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None) -> Any:
        """Show one row under its own name."""
        obj = self.get_object(request, object_id) if object_id else None
        extra = {"subtitle": self.named(obj), "title": self.title, "crumbs": self._crumbs(obj)} if obj is not None else {}
        return super().changeform_view(request, object_id, form_url, {**extra, **(extra_context or {})})

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Show the table under its own name. A filter PostgreSQL cannot even be asked for is no filter, as any other wrong one."""
        if any("\0" in value for _, values in request.GET.lists() for value in values):
            return HttpResponseRedirect(f"{request.path}?{ERROR_FLAG}=1")
        if request.GET.get(EXPORT) == "csv":
            return export(self, request)  # type: ignore[arg-type]
        return super().changelist_view(request, {"title": self.title, "crumbs": self._crumbs(None), **(extra_context or {})})  # type: ignore[no-any-return]

    def attach_names(self, visit: Visit, rows: Iterable[Any]) -> None:
        """Put to the rows what their columns say of other things."""

    def get_actions_list(self, request: HttpRequest) -> list[Any]:
        """Return the acts about the table that the visitor's roles may do, and the download of what the filters leave."""
        acts = [act for act in self.acts if not act.about_row and request.visit.holds(act.roles)]  # type: ignore[attr-defined]
        return [*acts, export_link(request)]

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """Return the acts about this row that the visitor's roles may do and that fit it now."""
        visit, obj = request.visit, self.get_object(request, object_id)  # type: ignore[attr-defined]
        return [act for act in self.acts if act.about_row and obj is not None and visit.holds(act.roles) and act.when(obj, visit)]

    def _get_actions_navigation(self, provided_actions: Any, allowed_actions: list[Any], object_id: str | None = None) -> list[Any]:
        info = f"admin:{self.model._meta.app_label}_{self.model._meta.model_name}"
        links = [(title, reverse(f"{info}_{name}")) for title, name in self.links] if object_id is None else []
        acts = [act for act in allowed_actions if isinstance(act, Act)]
        found = [(act.title, reverse(f"{info}_do_{act.name}", args=[object_id] if act.about_row else [])) for act in acts]
        found += [act for act in allowed_actions if not isinstance(act, Act)]
        look = {"icon": "", "variant": ActionVariant.DEFAULT, "attrs": {}, "dialog": None}
        return [{"title": title, "path": where, **look} for title, where in links + found]
