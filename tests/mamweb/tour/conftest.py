"""One small tour in a database of its own: everything is committed, as in life."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from tests.database import cloned_database


@dataclass(frozen=True, slots=True)
class Told:
    """What a tour printed, and its JSON."""

    text: str
    record: dict[str, Any]


class Teller:
    """Runs tours."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, **options: Any) -> Told:
        out, target = StringIO(), self.folder / "tour.json"
        call_command("tour", json=target, pdf=self.folder / "statement.pdf", stdout=out, stderr=StringIO(), **options)
        return Told(out.getvalue(), json.loads(target.read_text()))


@pytest.fixture(scope="package")
def tell(django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Teller]:
    """Give a function that runs a tour with the given options; it fails if an invariant does."""
    with django_db_blocker.unblock(), cloned_database(f"tour_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}_{os.getpid()}"):
        yield Teller(tmp_path_factory.mktemp("tour"))


@pytest.fixture(scope="package")
def told(tell: Teller) -> Told:
    """A tour with a few accounts beside the fixed seven."""
    return tell(accounts=8, seed=1)
