"""The doors of the API: who may come in, in whose firm, and the two commonest shapes, a list and one row."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, ClassVar

from django.db import models
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from base import tenancy
from base.clock import process_clock
from base.errors import NotFound
from base.origin import name_key

from . import limits, pages, parameters
from .parameters import Parameter
from .schema import Operation


def now() -> datetime:
    """Return the instant of this request, from the clock of this process."""
    return process_clock().now()


class FirmView(APIView):
    """An address inside one firm.

    roles: who may use each method; a method that is not named lets nobody in. parameters: what a query string of GET may say.
    operations: how each method describes itself. stops: methods that stop something; they have a count of their own, which no other
    request uses up.
    """

    http_method_names = ["get", "head", "post"]
    roles: ClassVar[Mapping[str, frozenset[Any]]] = {}
    parameters: ClassVar[Mapping[str, Parameter]] = {}
    operations: ClassVar[Mapping[str, Operation]] = {}
    stops: ClassVar[frozenset[str]] = frozenset()
    asked: Mapping[str, Any]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Authenticate, count, check the role, then read the query string."""
        super().initial(request, *args, **kwargs)
        if request.auth is not None:
            name_key(self.token.public_id)
        self.asked = parameters.read(request.query_params, self.allowed_parameters(request.method or ""))

    def perform_authentication(self, request: Request) -> None:
        """Find out who asks, and count the request. Raises AuthenticationFailed, Throttled."""
        try:
            super().perform_authentication(request)
        except AuthenticationFailed:
            limits.spend(("anonymous", limits.address_of_caller()))
            raise
        if request.auth is None:
            self.count_unknown()
        elif request.method in self.stops:
            limits.spend(("stop", self.token.public_id))
        else:
            limits.spend(("token", self.token.public_id), ("person", f"{self.token.firm_id}:{self.user_id}"))

    def count_unknown(self) -> None:
        """Count a request without a token, by its address."""
        limits.spend(("anonymous", limits.address_of_caller()))

    def allowed_parameters(self, method: str) -> Mapping[str, Parameter]:
        """Return what the query string of a method may say."""
        return self.parameters if method in {"GET", "HEAD"} else {}

    @property
    def token(self) -> Any:
        """Return the token: its firm, its person's roles."""
        return self.request.auth

    def firm(self) -> AbstractContextManager[None]:
        """Return the tenancy block of the token's firm."""
        return tenancy.firm(self.token.firm_id)

    @property
    def user_id(self) -> int:
        """Return the person the token acts for."""
        return int(self.token.user_id)


class RowsView(FirmView):
    """What a list and a single row share. columns: the name of each value and its path from the row.

    read: values that are read elsewhere than where their column says, in the same shape.
    """

    model: ClassVar[type[models.Model]]
    columns: ClassVar[Mapping[str, str]]
    read: ClassVar[Mapping[str, str]] = {}

    def rows(self, **path: Any) -> models.QuerySet[Any]:
        """Return the rows this person may see."""
        raise NotImplementedError


class ListView(RowsView):
    """A page of rows. filters: query parameters that narrow it."""

    summary: ClassVar[str] = ""
    filters: ClassVar[Mapping[str, Parameter]] = {}

    def allowed_parameters(self, method: str) -> Mapping[str, Parameter]:
        """Return the filters and the page's own parameters."""
        return {**self.filters, **pages.PARAMETERS} if method in {"GET", "HEAD"} else {}

    def get(self, request: Request, **path: Any) -> Response:
        """Answer one page."""
        with self.firm():
            conditions = {f.lookup: self.asked[name] for name, f in self.filters.items() if f.lookup and name in self.asked}
            return Response(
                pages.page_of(self.rows(**path).filter(**conditions), {**self.columns, **self.read}, self.asked, request._request)
            )


class DetailView(RowsView):
    """One row by its id."""

    summary: ClassVar[str] = ""
    what: ClassVar[str] = "thing"

    def get(self, request: Request, **path: Any) -> Response:
        """Answer the row, or 404 for one that is not there or may not be seen."""
        with self.firm():
            return Response(self.one(**path))

    def one(self, *, id: Any, **path: Any) -> dict[str, Any]:  # the address calls it so
        """Return the row as plain values. Raises NotFound."""
        found = pages.values_of(self.rows(**path).filter(pk=id)[:1], {**self.columns, **self.read})
        if not found:
            raise NotFound(self.what)
        return found[0]
