"""Instruments and quotes, the same for every firm. `GET instruments`, `GET instruments/{id}`, `GET quotes`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, ClassVar

from django.db import models
from rest_framework.request import Request
from rest_framework.response import Response

from base.api import parameters, shapes
from base.api.schema import Operation
from base.api.views import DetailView, FirmView, ListView, now
from base.core.validation import InvalidInput, parse_text

from . import queries
from .enums import InstrumentKind
from .models import Instrument

COLUMNS = {
    name: name
    for name in [
        "id",
        "symbol",
        "name",
        "kind",
        "currency",
        "base_currency",
        "calendar",
        "settlement_market",
        "sector",
        "issuer_id",
        "underlying_id",
        "multiplier",
        "tick",
        "lot_step",
        "min_quantity",
        "min_notional",
        "is_simulated",
    ]
}
MOST_QUOTES = 500


class InstrumentList(ListView):
    """All instruments."""

    summary = "Instruments"
    model = Instrument
    columns = COLUMNS
    filters: ClassVar = {
        "symbol": parameters.symbol("symbol"),
        "kind": parameters.word(InstrumentKind, "kind"),
        "currency": parameters.currency("currency"),
        "is_simulated": parameters.flag("is_simulated"),
    }

    def rows(self, **path: Any) -> models.QuerySet[Any]:
        """Return every instrument."""
        return Instrument.objects.all()


class InstrumentDetail(DetailView):
    """One instrument."""

    summary = "An instrument"
    what = "instrument"
    model = Instrument
    columns = COLUMNS

    def rows(self, **path: Any) -> models.QuerySet[Any]:
        """Return every instrument."""
        return Instrument.objects.all()


def _ids(value: object, field: str) -> list[int]:
    ids = [parameters.parse_id(part, field) for part in parse_text(value, field, max_length=11_000).split(",")]
    if len(ids) > MOST_QUOTES:
        raise InvalidInput(field, f"{len(ids)} instruments", f"at most {MOST_QUOTES}")
    return ids


QUOTE = shapes.record(
    {
        "instrument_id": shapes.INTEGER,
        "bid": shapes.nullable(shapes.DECIMAL),
        "ask": shapes.nullable(shapes.DECIMAL),
        "last": shapes.nullable(shapes.DECIMAL),
        "as_of": shapes.INSTANT,
        "source": shapes.TEXT,
    }
)


class QuoteList(FirmView):
    """The last quote of each instrument asked for."""

    parameters: ClassVar = {
        "instruments": parameters.Parameter(
            _ids, {"type": "string", "pattern": r"^[0-9]+(,[0-9]+)*$"}, description="ids, separated by commas, at most 500", required=True
        )
    }
    operations: ClassVar = {"GET": Operation("Latest quotes", {200: shapes.record({"results": shapes.many(QUOTE)})})}

    def get(self, request: Request) -> Response:
        """Answer the quotes known now; an instrument without one is left out."""
        with self.firm():
            found = queries.latest_quotes(instrument_ids=self.asked["instruments"], now=now())
        return Response({"results": [asdict(quote) for quote in found.values()]})
