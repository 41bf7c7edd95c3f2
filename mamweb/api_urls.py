"""Addresses of the API, version 1."""

from __future__ import annotations

from django.urls import URLPattern, path, re_path

from accounts import api as accounts
from allocation import api as allocation
from execution import api as execution
from governance import api as governance
from governance.permissions import STAFF
from market import api as market
from reconciliation import api as reconciliation
from reporting import api as reporting

from .api_schema import NoSuchAddress, SchemaView

_STAFF = {"GET": STAFF}

urlpatterns: list[URLPattern] = [
    path("schema", SchemaView.as_view(), name="schema"),
    path("me", governance.Me.as_view(), name="me"),
    path("instruments", market.InstrumentList.as_view(roles=_STAFF), name="instruments"),
    path("instruments/<int:id>", market.InstrumentDetail.as_view(roles=_STAFF), name="instrument"),
    path("quotes", market.QuoteList.as_view(roles=_STAFF), name="quotes"),
    path("accounts", accounts.AccountList.as_view(), name="accounts"),
    path("accounts/<uuid:id>", accounts.AccountDetail.as_view(), name="account"),
    path("accounts/<uuid:account_id>/positions", accounts.PositionList.as_view(), name="account-positions"),
    path("accounts/<uuid:account_id>/lots", accounts.LotList.as_view(), name="account-lots"),
    path("accounts/<uuid:account_id>/cash", accounts.CashList.as_view(), name="account-cash"),
    path("positions", accounts.PositionList.as_view(), name="positions"),
    path("lots", accounts.LotList.as_view(), name="lots"),
    path("cash", accounts.CashList.as_view(), name="cash"),
    path("strategies", allocation.StrategyList.as_view(), name="strategies"),
    path("signals", allocation.SignalList.as_view(), name="signals"),
    path("signals/<uuid:id>", allocation.SignalDetail.as_view(), name="signal"),
    path("signals/<uuid:id>/preview", allocation.SignalPreview.as_view(), name="signal-preview"),
    path("signals/<uuid:id>/release", execution.SignalRelease.as_view(), name="signal-release"),
    path("plans", allocation.PlanList.as_view(), name="plans"),
    path("plans/<uuid:id>", allocation.PlanDetail.as_view(), name="plan"),
    path("plans/<uuid:plan_id>/lines", allocation.PlanLineList.as_view(), name="plan-lines"),
    path("parents", execution.ParentList.as_view(), name="parents"),
    path("parents/<uuid:id>", execution.ParentDetail.as_view(), name="parent"),
    path("parents/<uuid:id>/cancel", execution.ParentCancel.as_view(), name="parent-cancel"),
    path("parents/<uuid:id>/replace", execution.ParentReplace.as_view(), name="parent-replace"),
    path("orders", execution.OrderList.as_view(), name="orders"),
    path("orders/<uuid:id>", execution.OrderDetail.as_view(), name="order"),
    path("orders/<uuid:id>/cancel", execution.OrderCancel.as_view(), name="order-cancel"),
    path("executions", execution.ExecutionList.as_view(), name="executions"),
    path("journeys/<uuid:journey_id>", execution.JourneyDetail.as_view(), name="journey"),
    path("kill-switches", execution.KillSwitches.as_view(), name="kill-switches"),
    path("kill-switches/flatten", execution.Flattening.as_view(), name="flatten"),
    path("kill-switches/rearm-requests", execution.RearmRequests.as_view(), name="rearm-requests"),
    path("kill-switches/rearm-requests/<uuid:id>/confirm", execution.RearmConfirmation.as_view(), name="rearm-confirm"),
    path("breaks", reconciliation.BreakList.as_view(), name="breaks"),
    path("breaks/<uuid:id>", reconciliation.BreakDetail.as_view(), name="break"),
    path("runs", reconciliation.RunList.as_view(), name="runs"),
    path("runs/<uuid:id>", reconciliation.RunDetail.as_view(), name="run"),
    path("statements", reporting.StatementList.as_view(), name="statements"),
    path("statements/<uuid:id>", reporting.StatementDetail.as_view(), name="statement"),
    path("statements/<uuid:id>/pdf", reporting.StatementPdf.as_view(), name="statement-pdf"),
    path("webhooks/<int:firm_id>/<slug:source>", execution.SignedWebhook.as_view(), name="webhook"),
    re_path(r"^.*$", NoSuchAddress.as_view(), name="no-such-address"),
]
