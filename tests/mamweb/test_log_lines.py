"""What the log says of a request that was refused at the door."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from mamweb.log_lines import RefusedWithoutTrace
from tests.api.scene import make_scene
from tests.web.people import signed_in


@pytest.mark.django_db
def test_a_forbidden_page_is_one_line_and_a_defect_keeps_its_trace(caplog: pytest.LogCaptureFixture) -> None:
    client: Client = signed_in(make_scene().investor.user)
    caplog.handler.addFilter(RefusedWithoutTrace())
    assert client.get("/blotter/").status_code == 403
    (line,) = [record for record in caplog.records if record.name == "django.request"]
    assert line.getMessage() == "Forbidden (Permission denied): /blotter/" and line.exc_info is None
    defect = logging.makeLogRecord({"name": "django.request", "status_code": 500, "exc_info": (ValueError, ValueError(), None)})
    assert RefusedWithoutTrace().filter(defect) and defect.exc_info
    configured: Any = settings.LOGGING
    assert configured["handlers"]["stderr"]["filters"] == ["refusals"]
