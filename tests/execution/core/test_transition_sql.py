"""The database enforces the table of moves (DESIGN §5): the generated text, and the trigger on a real server."""

import os
import re
from itertools import product

import psycopg
import pytest

from execution.core.lifecycle import MOVES, is_allowed
from execution.core.transition_sql import transition_trigger_sql
from execution.enums import OrderState

URL = os.environ.get("DATABASE_OWNER_URL")


def test_order_states_in_sql_are_those_of_the_table():
    up, down = transition_trigger_sql("execution_childorder")
    pairs = {tuple(pair) for pair in re.findall(r"'([A-Z_]+)>([A-Z_]+)'", up)}
    assert pairs == {(before.value, after.value) for before, afters in MOVES.items() for after in afters}
    assert "execution_childorder_moves" in down


@pytest.mark.parametrize("name", ["a;b", "Upper", "a b", "", "1a"])
def test_order_states_sql_refuses_names_that_need_quoting(name):
    with pytest.raises(ValueError, match="plain SQL name"):
        transition_trigger_sql(name)


@pytest.mark.skipif(not URL, reason="DATABASE_OWNER_URL is not set: the trigger needs a real PostgreSQL")
def test_order_states_in_the_database_move_as_in_the_table():
    up, down = transition_trigger_sql("moves_probe")
    with psycopg.connect(URL) as connection:
        connection.execute("CREATE TABLE moves_probe (id int, state text)")
        connection.execute(up)
        for before, after in product(OrderState, OrderState):
            connection.execute("TRUNCATE moves_probe")
            connection.execute("INSERT INTO moves_probe VALUES (1, %s)", [before.value])
            if is_allowed(before, after):
                connection.execute("UPDATE moves_probe SET state = %s", [after.value])
                continue
            with pytest.raises(psycopg.errors.CheckViolation) as caught, connection.transaction():
                connection.execute("UPDATE moves_probe SET state = %s", [after.value])
            assert caught.value.diag.constraint_name == "moves_probe_moves"
        connection.execute(down)
        connection.rollback()
