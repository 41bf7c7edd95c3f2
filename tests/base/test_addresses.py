"""The way back to the page a request came from: ours, or none."""

from __future__ import annotations

import pytest
from django.test import RequestFactory

from base.addresses import back_to


def led_back(came_from: str) -> str:
    return back_to(RequestFactory().post("/x", headers={"Referer": came_from}), "/otherwise")


@pytest.mark.parametrize("page", ["/alerts/", "/alerts/?show=OPEN&next=http://elsewhere.example/", "/a/b%2F%2Fc?q=%00"])
def test_a_page_of_ours_is_gone_back_to(page: str) -> None:
    assert led_back(f"http://testserver{page}") == page


@pytest.mark.parametrize(
    "came_from",
    [
        "", "http://elsewhere.example/alerts/", "http://testserver", "http://testserver//elsewhere.example/x", "http://testserver///elsewhere.example",
        "http://testserver/\\elsewhere.example", "http://testserver//elsewhere.example?q=1", "//elsewhere.example", "javascript:alert(1)",
        "http://testserver@elsewhere.example/",
    ],
)  # fmt: skip
def test_nobody_is_led_to_another_host(came_from: str) -> None:
    assert led_back(came_from) == "/otherwise"
