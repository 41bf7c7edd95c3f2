"""Columns of figures inside one cell are as wide as each other, to the font's own widths."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reporting.statements.figures import money
from reporting.statements.tabular import FIGURE_SPACE, PUNCTUATION_SPACE, _em, date_column, figure_columns

amounts = st.decimals(-(10**9), 10**9, places=2).map(lambda amount: money(Decimal(amount), "USD", signed=True))


@settings(max_examples=60)
@given(st.lists(st.tuples(amounts, amounts, st.just("") | amounts), min_size=1, max_size=12))
def test_every_column_is_equally_wide_and_says_what_was_given(rows):
    columns = figure_columns(rows, least=(1, 1, 1))
    for k, promised in enumerate(columns.widths):
        for padded, given_text in zip([row[k] for row in columns.rows], [row[k] for row in rows], strict=True):
            width = sum(_em("0" if c in "+\N{MINUS SIGN}" else PUNCTUATION_SPACE if c in ",." else c) for c in padded)
            assert f"{width:.4f}em" == promised
            assert padded.strip(FIGURE_SPACE + PUNCTUATION_SPACE) == given_text
    assert [line.split() for line in columns.lines] == [[text for text in row if text] for row in rows]


def test_the_spaces_are_as_wide_as_what_they_stand_for():
    assert _em("7") == _em(FIGURE_SPACE) > _em(PUNCTUATION_SPACE) == _em(".")


@pytest.mark.parametrize("text", ["1,000 JPY", "\N{EN DASH}", "<b>", "1 2"])
def test_what_is_no_figure_is_refused(text):
    with pytest.raises(ValueError, match="is not a figure"):
        figure_columns([[text]], least=[1])


def test_dates_of_different_months_start_their_rows_in_line():
    padded, indent = date_column(["30 Sep", "01 Oct"])
    widths = [sum(map(_em, text)) for text in padded]
    assert abs(widths[0] - widths[1]) <= _em("\N{HAIR SPACE}") / 2 + 1e-9 and abs(max(widths) - float(indent[:-2])) < 0.05


def test_no_rows_make_no_columns():
    assert figure_columns([], least=[3]).rows == () and date_column([])[0] == ()
