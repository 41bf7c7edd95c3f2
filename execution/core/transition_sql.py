"""The table of allowed moves as a PostgreSQL trigger, written from `lifecycle.MOVES` so that the two cannot drift.

Entry point: `transition_trigger_sql`. The trigger runs only where an UPDATE changes the state column, and refuses moves that are not in
the table.
"""

from __future__ import annotations

import re

from execution.core.lifecycle import MOVES

_NAME = re.compile(r"[a-z_][a-z0-9_]{0,39}")


def transition_trigger_sql(table: str, column: str = "state") -> tuple[str, str]:
    """Return (up, down): SQL that creates, and SQL that drops, the trigger on `table`.

    A forbidden move raises SQLSTATE 23514 (check_violation) naming the constraint `<table>_moves`.

    >>> up, down = transition_trigger_sql("execution_childorder")
    >>> "'UNKNOWN>ACKED'" in up, "'UNKNOWN>SENDING'" in up, down.count("DROP")
    (True, False, 2)

    Raises ValueError for names that are not plain lower-case SQL names. Source: DESIGN §5.
    """
    for name in (table, column):
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not a plain SQL name")
    moves = sorted(f"'{before}>{after}'" for before, afters in MOVES.items() for after in afters)
    function = f"{table}_moves"
    up = f"""CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.{column} || '>' || NEW.{column}) NOT IN (
        {("," + chr(10) + " " * 8).join(moves)}
    ) THEN
        RAISE EXCEPTION 'order state % may not become %', OLD.{column}, NEW.{column}
            USING ERRCODE = 'check_violation', CONSTRAINT = '{function}', TABLE = '{table}';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER {function} BEFORE UPDATE OF {column} ON {table}
    FOR EACH ROW WHEN (OLD.{column} IS DISTINCT FROM NEW.{column}) EXECUTE FUNCTION {function}();
"""
    down = f"DROP TRIGGER {function} ON {table};\nDROP FUNCTION {function}();\n"
    return up, down
