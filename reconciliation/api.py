"""Runs and breaks. `GET runs`, `runs/{id}`, `breaks`, `breaks/{id}`."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models

from base.api import parameters
from base.api.views import DetailView, ListView, RowsView, now
from governance.permissions import STAFF, viewer_of

from .enums import BreakState, BreakType, ItemKind, RunState
from .models import Break, ReconciliationRun
from .queries.visible import visible_breaks, visible_runs

RUN = {
    "id": "id",
    "custodian": "custodian__code",
    "as_of": "as_of",
    "state": "state",
    "due_at": "due_at",
    "started_at": "started_at",
    "finished_at": "finished_at",
    "items": "items",
    "reasons": "reasons",
}
BREAK = {
    "id": "id",
    "run_id": "run_id",
    "account_id": "account_id",
    "account": "account__code",
    "break_type": "break_type",
    "item_kind": "item_kind",
    "symbol": "symbol",
    "currency": "currency",
    "booked_on": "booked_on",
    "exec_id": "exec_id",
    "ours": "ours",
    "theirs": "theirs",
    "our_date": "our_date",
    "their_date": "their_date",
    "difference": "difference",
    "value_difference": "value_difference",
    "value_currency": "value_currency",
    "is_material": "is_material",
    "rule": "rule",
    "state": "state",
    "opened_on": "opened_on",
    "closed_at": "closed_at",
}


class _Runs(RowsView):
    model = ReconciliationRun
    columns = RUN
    roles: ClassVar = {"GET": STAFF}

    def rows(self, **path: Any) -> models.QuerySet[Any]:
        """Return the runs this person may see."""
        return visible_runs(viewer_of(self.request, now()))


class RunList(_Runs, ListView):
    """Comparisons of a custodian and a day."""

    summary = "Reconciliation runs"
    filters: ClassVar = {
        "custodian": parameters.code("custodian__code"),
        "as_of": parameters.day("as_of"),
        "state": parameters.word(RunState, "state"),
    }


class RunDetail(_Runs, DetailView):
    """One run."""

    summary = "A reconciliation run"
    what = "run"


class _Breaks(RowsView):
    model = Break
    columns = BREAK
    roles: ClassVar = {"GET": STAFF}

    def rows(self, **path: Any) -> models.QuerySet[Any]:
        """Return the breaks of accounts this person sees."""
        return visible_breaks(viewer_of(self.request, now()))


class BreakList(_Breaks, ListView):
    """Differences between a custodian's books and ours."""

    summary = "Breaks"
    filters: ClassVar = {
        "run": parameters.uuid("run_id"),
        "account": parameters.uuid("account_id"),
        "break_type": parameters.word(BreakType, "break_type"),
        "item_kind": parameters.word(ItemKind, "item_kind"),
        "state": parameters.word(BreakState, "state"),
        "is_material": parameters.flag("is_material"),
        "opened_from": parameters.day("opened_on__gte"),
        "opened_to": parameters.day("opened_on__lte"),
    }


class BreakDetail(_Breaks, DetailView):
    """One break."""

    summary = "A break"
    what = "break"
