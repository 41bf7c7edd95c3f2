"""The database enforces the table of moves (DESIGN §5): the generated text; the trigger itself is asked in
tests/execution/services/test_moves.py."""

import re

import pytest

from execution.core.lifecycle import MOVES
from execution.core.transition_sql import transition_trigger_sql


def test_order_states_in_sql_are_those_of_the_table():
    up, down = transition_trigger_sql("execution_childorder")
    pairs = {tuple(pair) for pair in re.findall(r"'([A-Z_]+)>([A-Z_]+)'", up)}
    assert pairs == {(before.value, after.value) for before, afters in MOVES.items() for after in afters}
    assert "execution_childorder_moves" in down


@pytest.mark.parametrize("name", ["a;b", "Upper", "a b", "", "1a"])
def test_order_states_sql_refuses_names_that_need_quoting(name):
    with pytest.raises(ValueError, match="plain SQL name"):
        transition_trigger_sql(name)
