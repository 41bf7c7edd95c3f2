"""The home page's rows: full, whatever somebody arranges, and in the order they arranged."""

from __future__ import annotations

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.enums import Role
from reporting.core.home import COLUMNS, WIDTHS, default_for, filled


@given(st.lists(st.sampled_from(WIDTHS), max_size=12))
def test_every_row_is_full_and_nothing_is_narrower_than_chosen(widths: list[int]) -> None:
    shown = filled(widths)
    assert len(shown) == len(widths) and all(chosen <= width <= COLUMNS for chosen, width in zip(widths, shown, strict=True))
    ends = list(accumulate(shown))
    assert all(end % COLUMNS >= width or end % COLUMNS == 0 for end, width in zip(ends, shown, strict=True)), "none crosses a row's end"
    assert not ends or ends[-1] % COLUMNS == 0


@given(st.lists(st.sampled_from(WIDTHS), max_size=12))
def test_what_is_full_already_stays_as_it_was_chosen(widths: list[int]) -> None:
    assert filled(filled(widths)) == filled(widths)


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.INVESTOR])
def test_only_the_last_row_of_a_default_page_is_widened(role: Role) -> None:
    widths = [placed.width for placed in default_for({role})]
    assert filled(widths)[:-1] == widths[:-1]
