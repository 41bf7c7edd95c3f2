"""A trader before the ticket, and how its answers are read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from html import unescape
from typing import Any

from django.test import Client

from base import tenancy
from governance.models import User
from tests.desk import Desk
from tests.web.people import signed_in

KEY = "0123456789abcdef0123456789abcdef"


@dataclass
class Room:
    """A trader before the ticket."""

    desk: Desk
    client: Client

    def form(self, **more: Any) -> dict[str, Any]:
        return {"strategy": "CORE", "symbol": "XYZ", "method": "target_weight", "side": "buy", "figure": "3.00", "key": KEY, **more}

    def preview(self, **more: Any) -> Any:
        return self.client.post("/ticket/preview", self.form(**more), headers={"HX-Request": "true"})

    def release(self, shown: Any, **more: Any) -> Any:
        sent = self.form(**more) | {"seen": hidden(shown, "seen"), "key": hidden(shown, "key")}
        return self.client.post("/ticket/release", sent, headers={"HX-Request": "true"})

    def go(self, **more: Any) -> str:
        """Look, release, and return the address of its outcomes."""
        return str(self.release(self.preview(**more), **more)["HX-Redirect"])

    def count(self, model: Any) -> int:
        with tenancy.firm(self.desk.firm_id):
            return int(model.objects.count())


def hidden(answer: Any, name: str) -> str:
    found = re.search(rf'<input type="hidden" name="{name}"[^>]*value="([^"]*)"', answer.content.decode())
    assert found, f"no {name}"
    return unescape(found[1])


def text_of(answer: Any) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


def cells(answer: Any, code: str) -> list[str]:
    """Return the cells of an account's line."""
    for row in re.findall(r"<tr.*?</tr>", answer.content.decode(), re.S):
        found = [" ".join(unescape(re.sub(r"<[^>]+>", " ", cell)).split()) for cell in re.findall(r"<td.*?</td>", row, re.S)]
        if found and found[0].split(" ")[0] == code:
            return found
    raise AssertionError(f"no line for {code}")


def stop_clock(settings: Any, at: datetime) -> None:
    settings.REHEARSAL_CLOCK = f"{at.isoformat()}@{at.isoformat()}*0"


def role_client(desk: Desk, role: str) -> Client:
    return signed_in(User.objects.get(pk=int(desk.firm.actors[role].user_id)), desk.firm_id)


def beside(answer: Any, field: str) -> str:
    """Return what stands beside a field as its error."""
    found = re.search(rf'<div id="err-{field}" hx-swap-oob="true">(.*?)</div>', answer.content.decode(), re.S)
    assert found, f"no place for errors of {field}"
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", found[1])).split())
