"""What is left out of the log.

Entry point: `RefusedWithoutTrace`, a filter of a handler.
"""

from __future__ import annotations

import logging

_FORBIDDEN = 403


class RefusedWithoutTrace(logging.Filter):
    """Keep the line of a request that was forbidden, and leave its trace out: the door did what it is there for."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass."""
        if record.name == "django.request" and getattr(record, "status_code", None) == _FORBIDDEN:
            record.exc_info = record.exc_text = None
        return True
