"""Named points where a test can make the process die as if by `kill -9`.

Entry point: `crash_point(name)`, called between the steps whose order matters. `MAMWEB_CRASH_AT=name` or `name:3` (the third passage)
in the
environment ends the process with status 137, without flushing or closing anything. Unset, a call costs one comparison.

Names used by gateways: `before_socket_write`, `after_socket_write`, `after_reply`.
"""

from __future__ import annotations

import os


def _parse(setting: str) -> tuple[str, int]:
    name, _, nth = setting.partition(":")
    return name, int(nth or 1)


_name, _passages_left = _parse(os.environ.get("MAMWEB_CRASH_AT", ""))


def crash_point(name: str) -> None:
    """Die here if the environment asks for it; otherwise do nothing."""
    global _passages_left
    if name != _name or not name:
        return
    _passages_left -= 1
    if _passages_left == 0:
        os._exit(137)
