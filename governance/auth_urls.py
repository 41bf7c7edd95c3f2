"""Addresses of sign-in: allauth's, without what nobody may use here, and the pages of our own."""

from __future__ import annotations

from typing import NoReturn

from allauth.account.decorators import reauthentication_required
from allauth.account.views import email
from django.http import Http404, HttpRequest
from django.urls import include, path

from .views import sessions, you


def absent(request: HttpRequest, **kwargs: object) -> NoReturn:
    """Answer for what the library has and the house has not: signing up, a first password without a mail."""
    raise Http404


urlpatterns = [
    path("", you.you, name="you"),
    path("name", you.rename, name="you-name"),
    path("keys", you.answer_key, name="you-key"),
    path("signup/", absent, name="account_signup"),
    path("password/set/", absent, name="account_set_password"),
    path("login/code/confirm/", absent, name="account_confirm_login_code"),
    path("sessions/", sessions.sessions, name="usersessions_list"),
    path("sessions/end", sessions.end, name="end-session"),
    path("email/", reauthentication_required(email), name="account_email"),
    path("", include("allauth.urls")),
]
