"""CSV downloads that a spreadsheet may open without running anything (formula-safe through defusedcsv).

Entry points: `csv_response`, `csv_stream`. Invariants: plain ASCII minus, ISO 8601 dates and instants, `.` decimals without grouping; an empty cell is no value.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from io import StringIO
from typing import Any

from asgiref.sync import sync_to_async
from defusedcsv import csv
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase


def csv_response(name: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> HttpResponse:
    """Return the rows as a download called `name`.csv. Rows are read now, inside the caller's tenancy block."""
    answer = HttpResponse("".join(_lines(header, rows)), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{name}.csv"'
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
    return cell if isinstance(cell, int | Decimal) else str(cell)


def csv_stream(
    request: HttpRequest, name: str, header: Sequence[str], chunks: Callable[[], Iterator[Sequence[Sequence[Any]]]]
) -> HttpResponseBase:
    """Return a download called `name`.csv that is read while it is sent. chunks: opens a tenancy block of its own for each chunk it yields.

    Under ASGI each chunk is read in the thread of the request's other queries, so nothing but one chunk is ever in memory.
    """

    def lines() -> Iterator[str]:
        yield "".join(_lines(header, ()))
        for rows in chunks():
            yield "".join(_body(rows))

    made = lines()
    content: Any = made if not isinstance(request, ASGIRequest) else _in_turn(made)
    answer = StreamingHttpResponse(content, content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    answer["Cache-Control"] = "no-store"
    return answer


async def _in_turn(lines: Iterator[str]) -> AsyncIterator[str]:
    following = sync_to_async(lambda: next(lines, None))
    while (line := await following()) is not None:
        yield line


def _body(rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    buffer = StringIO()
    csv.writer(buffer, lineterminator="\r\n").writerows([plain(cell) for cell in row] for row in rows)
    yield buffer.getvalue()
