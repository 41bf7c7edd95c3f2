"""Answers that are read while they are sent, so that no web process ever holds the whole of a large one.

Entry points: `streamed`, `file_response`. Whoever makes the pieces opens a tenancy block of their own for each: the page's has ended when they
are read, and whatever the page wrote, an audit event above all, stands before the first byte goes out.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, TypeVar

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header

T = TypeVar("T", str, bytes)


def streamed(request: HttpRequest, pieces: Iterator[T], *, content_type: str) -> StreamingHttpResponse:
    """Return an answer of the pieces; under ASGI each is read in the thread of the request's other queries."""
    content: Any = _in_turn(pieces) if isinstance(request, ASGIRequest) else pieces
    return StreamingHttpResponse(content, content_type=content_type)


def file_response(
    request: HttpRequest, pieces: Iterator[bytes], *, name: str, size: int, tag: str, content_type: str, inline: bool = False
) -> HttpResponseBase:
    """Return a file to keep, or to read (`inline`). size: of all pieces, in bytes; tag: names its content. HEAD gets its headers and reads none.

    No cache keeps it. It is given whole, never in ranges: each range would be one more read in the audit trail.
    """
    is_head = request.method == "HEAD"
    answer: HttpResponseBase = HttpResponse(content_type=content_type) if is_head else streamed(request, pieces, content_type=content_type)
    answer["Content-Length"] = str(size)
    answer["Content-Disposition"] = content_disposition_header(not inline, name) or "inline"
    answer["ETag"] = f'"{tag}"'
    answer["Accept-Ranges"] = "none"
    answer["Cache-Control"] = "private, no-store"
    return answer


async def _in_turn(pieces: Iterator[T]) -> AsyncIterator[T]:
    following = sync_to_async(lambda: next(pieces, None))
    while (piece := await following()) is not None:
        yield piece
