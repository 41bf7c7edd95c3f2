"""Bodies: strict JSON in, fast exact JSON out."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import orjson
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer

from base.core.ids import plain_decimal
from base.core.validation import MAX_BODY_BYTES, parse_json


class StrictJSONParser(BaseParser):
    """JSON with exact decimals: no NaN, no duplicate keys, limited depth and size (see `base.core.validation`)."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        """Return the body. Raises InvalidInput."""
        return parse_json(stream.read(MAX_BODY_BYTES + 1))


class OrjsonRenderer(BaseRenderer):
    """JSON by orjson: decimals as plain strings, instants in UTC with a Z."""

    media_type = "application/json"
    format = "json"
    charset = None
    render_style = "binary"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        """Return the bytes of `data`; nothing for no content."""
        return b"" if data is None else orjson.dumps(data, default=as_json, option=orjson.OPT_UTC_Z)


class PdfRenderer(BaseRenderer):
    """A document's own bytes; a refusal of one is still JSON."""

    media_type = "application/pdf"
    format = "pdf"
    charset = None
    render_style = "binary"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        """Return the document, or the problem that stands in its place."""
        return data if isinstance(data, bytes) else OrjsonRenderer().render(data)


def as_json(value: Any) -> str:
    """Return a decimal as plain text, without exponent or trailing zeros. Raises TypeError for anything else.

    >>> as_json(Decimal("12.50000000")), as_json(Decimal("1E+3")), as_json(Decimal("-0.00"))
    ('12.5', '1000', '0')
    """
    if not isinstance(value, Decimal):
        raise TypeError(f"{type(value).__name__} has no JSON form here")
    return plain_decimal(value)
