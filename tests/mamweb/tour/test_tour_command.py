"""The tour's door: bad arguments are named in one line, exit 2, and nothing is built."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from .conftest import Told

pytestmark = pytest.mark.xdist_group("tour")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"accounts": 0}, "--accounts 0: must lie between 1 and 10000"),
        ({"accounts": -5}, "--accounts -5"),
        ({"accounts": 10_001}, "--accounts 10001"),
        ({"bars": Path("/no/such/folder")}, "--bars /no/such/folder: is not a folder"),
        ({"json": Path("/no/such/folder/day.json")}, "--json /no/such/folder/day.json: there is no folder"),
        ({"json": Path("/")}, "--json /: is a folder"),
        ({"pdf": Path("/no/such/folder/day.pdf")}, "--pdf /no/such/folder/day.pdf: there is no folder"),
    ],
)
def test_a_bad_argument_is_one_line_and_exit_2_before_the_database_is_touched(options: dict[str, Any], words: str) -> None:
    with pytest.raises(CommandError) as refused:
        call_command("tour", **options)
    assert refused.value.returncode == 2
    assert words in str(refused.value) and "\n" not in str(refused.value)


def test_the_story_is_short_and_says_what_bound_and_what_it_did_not_show(told: Told) -> None:
    lines = told.text.splitlines()
    assert len(lines) < 150 and max(map(len, lines)) <= 140
    assert sum("bound by" in line for line in lines) >= 3
    assert any("every invariant holds" in line for line in lines)
    assert any("statement" in line and "A1" in line for line in lines)
