"""Addresses of the pages of reporting."""

from __future__ import annotations

from django.urls import URLPattern, path

from .views import account, accounts, exposure, home, journeys, palette, portal, saved_views, statements, view_targets, wash_sales

app_name = "reporting"
urlpatterns: list[URLPattern] = [
    path("", palette.start, name="start"),
    path("search", palette.search, name="search"),
    path("accounts/", accounts.accounts, name="accounts"),
    path("accounts/below", accounts.below, name="accounts-below"),
    path("accounts/filters", saved_views.filters, name="accounts-filters"),
    path("accounts/views", saved_views.views, name="accounts-views"),
    path("accounts/views/<uuid:view_id>", saved_views.view, name="accounts-view"),
    path("accounts/views/for-a-ticket", view_targets.ticket_views, name="ticket-views"),
    path("accounts/views/<uuid:view_id>/accounts", view_targets.view_accounts, name="view-accounts"),
    path("accounts/<uuid:account_id>/", account.account, name="account"),
    path("home/", home.home, name="home"),
    path("home/arrange", home.arrange, name="arrange"),
    path("home/widgets/<slug:name>", home.widget, name="widget"),
    path("exposure/", exposure.exposure, name="exposure"),
    path("exposure/<int:instrument_id>/holders", exposure.holders, name="holders"),
    path("journeys/", journeys.decisions, name="journeys"),
    path("journeys/<uuid:journey_id>/", journeys.journey, name="journey"),
    path("journeys/<uuid:journey_id>/<slug:part>", journeys.inset, name="journey-part"),
    path("statements/", statements.statements, name="statements"),
    path("wash-sales/", wash_sales.wash_sale_list, name="wash-sales"),
    path("portal/", portal.start, name="portal"),
    path("portal/documents/<uuid:document_id>.pdf", portal.statement_pdf, name="statement-pdf"),
    path("portal/<uuid:account_id>/", portal.overview, name="portal-account"),
    path("portal/<uuid:account_id>/holdings", portal.holdings, name="portal-holdings"),
    path("portal/<uuid:account_id>/activity", portal.activity, name="portal-activity"),
    path("portal/<uuid:account_id>/documents", portal.documents, name="portal-documents"),
]
