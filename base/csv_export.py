"""CSV downloads that a spreadsheet may open without running anything (formula-safe through defusedcsv).

Entry points: `csv_response`, `csv_stream`. Invariants: plain ASCII minus, ISO 8601 dates and instants, `.` decimals without grouping; an empty cell is no value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from io import StringIO
from typing import Any

from defusedcsv import csv
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header

from .streams import streamed


def csv_response(name: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> HttpResponse:
    """Return the rows as a download called `name`.csv. Rows are read now, inside the caller's tenancy block."""
    answer = HttpResponse("".join(_lines(header, rows)), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = content_disposition_header(True, f"{name}.csv") or "attachment"
    answer["Cache-Control"] = "no-store"
    return answer


def _lines(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    buffer = StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(header)
    for row in rows:
        writer.writerow([plain(cell) for cell in row])
        if buffer.tell() > 64_000:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


def plain(cell: Any) -> Any:
    """Return a cell as a program reads it: numbers stay numbers, so that a minus is no formula.

    >>> plain(Decimal("-1200.50")), plain(date(2026, 11, 20)), plain(None), plain(True)
    (Decimal('-1200.50'), '2026-11-20', '', 'yes')
    """
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, datetime | date):
        return cell.isoformat()
    return _Written(cell) if isinstance(cell, Decimal) else cell if isinstance(cell, int) else str(cell)


class _Written(Decimal):
    """A number written out: nobody wants 0E-8 in a cell."""

    def __str__(self) -> str:
        return f"{self:f}"


def csv_stream(
    request: HttpRequest, name: str, header: Sequence[str], chunks: Callable[[], Iterator[Sequence[Sequence[Any]]]]
) -> HttpResponseBase:
    """Return a download called `name`.csv that is read while it is sent. chunks: opens a tenancy block of its own for each chunk it yields.

    Nothing but one chunk is ever in memory.
    """

    def lines() -> Iterator[str]:
        yield "".join(_lines(header, ()))
        for rows in chunks():
            yield "".join(_body(rows))

    answer = streamed(request, lines(), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = content_disposition_header(True, f"{name}.csv") or "attachment"
    answer["Cache-Control"] = "no-store"
    return answer


def _body(rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    buffer = StringIO()
    csv.writer(buffer, lineterminator="\r\n").writerows([plain(cell) for cell in row] for row in rows)
    yield buffer.getvalue()
