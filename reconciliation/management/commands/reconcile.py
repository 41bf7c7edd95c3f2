"""`manage.py reconcile --firm ID --custodian CODE --date DAY [--file FILE]`: take a custodian's file and reconcile that day.

Ends with 1 where the run is INCOMPLETE or leaves a material break, so that a script notices.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

from base import tenancy
from base.clock import process_clock
from base.commands import BadArgument, HouseCommand, identifier, iso_date
from base.errors import NotFound
from reconciliation.enums import RunState
from reconciliation.queries.listing import BreakRow, breaks_of_custodian, custodian_id_of
from reconciliation.services import (
    MAX_FILE_BYTES,
    RunFacts,
    UnableToReconcile,
    UnableToTakeSnapshot,
    reconcile_custodian,
    take_snapshot_from_file,
)

COLUMNS = ("account", "item", "type", "what", "ours", "theirs", "difference", "value", "state", "age", "rule")
RIGHT = frozenset({"ours", "theirs", "difference", "value", "age"})


class Command(HouseCommand):
    help = "Reconcile a custodian and a day, from a file in the documented CSV form or from what was taken before."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--firm", type=identifier, required=True, help="the firm's id")
        parser.add_argument("--custodian", required=True, help="the custodian's code")
        parser.add_argument("--date", type=iso_date, required=True, help="business date, YYYY-MM-DD")
        parser.add_argument("--file", type=Path, help="the custodian's file (docs/custodian-csv.md)")

    def handle(self, *, firm: int, custodian: str, date: date, file: Path | None, **options: Any) -> None:
        try:
            refused = self._take(firm, custodian, date, file) if file else ""
            now = process_clock().now()
            with tenancy.firm(firm):
                custodian_id = custodian_id_of(code=custodian)
                facts = reconcile_custodian(custodian_id=custodian_id, as_of=date, now=now, refused=refused)
                rows = breaks_of_custodian(custodian_id=custodian_id, today=date)
        except OSError as error:
            raise BadArgument(f"--file {file}: {error.strerror}") from error
        except (UnableToReconcile, NotFound) as error:
            raise BadArgument(f"--date {date}: {error.message}" if isinstance(error, UnableToReconcile) else error.message) from error
        self._print(custodian, facts, rows)
        if facts.state is not RunState.COMPLETE or any(row.is_material for row in rows):
            sys.exit(1)

    def _take(self, firm: int, custodian: str, as_of: date, file: Path) -> str:
        """Take the file in a block of its own; return why it was refused, "" where it was taken."""
        with file.open("rb") as stream:
            data = stream.read(MAX_FILE_BYTES + 1)  # one more than a file may have: the reader refuses it for its size
        try:
            with tenancy.firm(firm):
                custodian_id: UUID = custodian_id_of(code=custodian)
                taken = take_snapshot_from_file(custodian_id=custodian_id, data=data, now=process_clock().now())
                if taken.as_of != as_of:
                    raise UnableToTakeSnapshot("WRONG_DATE", f"the file is of {taken.as_of}, not {as_of}", value=taken.as_of)
        except UnableToTakeSnapshot as error:
            self.stderr.write(f"{file}: refused, nothing stored: {error.message} [{error.code}]")
            return error.message
        return ""

    def _print(self, custodian: str, facts: RunFacts, rows: list[BreakRow]) -> None:
        late = ", late" if facts.late else ""
        self.stdout.write(f"{custodian} {facts.as_of}: {facts.state}{late}, {facts.items} items, {len(rows)} open breaks")
        self.stdout.write(f"new {facts.opened}, closed {facts.closed}, due {facts.due_at:%Y-%m-%d %H:%M} UTC")
        for reason in facts.reasons:
            self.stdout.write(f"  {reason}")
        if rows:
            self.stdout.write(table([COLUMNS, *map(cells, rows)]))


def cells(row: BreakRow) -> tuple[str, ...]:
    """Return a break as the words of one line, `!` before what is material."""
    what = " ".join(part for part in (row.symbol, f"→ {row.their_symbol}" if row.their_symbol else "", row.currency, row.exec_id) if part)
    figures = ["" if value is None else f"{value}" for value in (row.ours, row.theirs, row.difference)]
    worth = "?" if row.value_difference is None else f"{row.value_difference:.2f} {row.value_currency}"
    kind = f"{'! ' if row.is_material else ''}{row.type}"
    return (row.account, str(row.item), kind, what, *figures, worth, str(row.state), str(row.age), row.rule)


def table(rows: list[tuple[str, ...]]) -> str:
    """Return lines of aligned columns under a rule; numbers stand right.

    >>> print(table([("account", "age"), ("A1", "2")]))
    account  age
    -------  ---
    A1         2
    """
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    right = [name in RIGHT for name in rows[0]]
    lines = ["  ".join(f"{v:>{w}}" if r else f"{v:<{w}}" for v, w, r in zip(row, widths, right, strict=True)).rstrip() for row in rows]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])
