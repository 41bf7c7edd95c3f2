"""Addresses of the pages of reporting."""

from __future__ import annotations

from django.urls import URLPattern, path

from .views import account, exposure, home, palette, portal, statements

app_name = "reporting"
urlpatterns: list[URLPattern] = [
    path("", palette.start, name="start"),
    path("search", palette.search, name="search"),
    path("accounts/<uuid:account_id>/", account.account, name="account"),
    path("home/", home.home, name="home"),
    path("home/arrange", home.arrange, name="arrange"),
    path("home/widgets/<slug:name>", home.widget, name="widget"),
    path("exposure/", exposure.exposure, name="exposure"),
    path("exposure/<int:instrument_id>/holders", exposure.holders, name="holders"),
    path("statements/", statements.statements, name="statements"),
    path("portal/", portal.start, name="portal"),
    path("portal/documents/<uuid:document_id>.pdf", portal.statement_pdf, name="statement-pdf"),
    path("portal/<uuid:account_id>/", portal.overview, name="portal-account"),
    path("portal/<uuid:account_id>/holdings", portal.holdings, name="portal-holdings"),
    path("portal/<uuid:account_id>/activity", portal.activity, name="portal-activity"),
    path("portal/<uuid:account_id>/documents", portal.documents, name="portal-documents"),
]
