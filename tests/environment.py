"""A pytest plugin: names the test environment before Django reads it, and brings the private servers up before anything connects."""

from __future__ import annotations

import os

import pytest

os.environ.setdefault("MAMWEB_ENV", "test")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    from mamweb.services import attach_services

    attach_services()
