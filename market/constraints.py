"""References of the large market tables, checked once a statement instead of once a row.

Entry point: `InstrumentsExist`. A foreign key costs as much as the whole insert when 200,000 bars come at once.
Invariant: no row names an instrument that does not exist, and no instrument that rows name can be deleted, whoever writes.
"""

from __future__ import annotations

from django.db import models

from base.tenancy.constraints import SqlConstraint

_REFUSE = "RAISE foreign_key_violation USING MESSAGE ="


class InstrumentsExist(SqlConstraint):
    """Refuse rows of an unknown instrument and the deletion of an instrument that has rows."""

    def up(self, model: type[models.Model]) -> list[str]:
        table = model._meta.db_table
        instruments = model._meta.get_field("instrument").related_model._meta.db_table  # type: ignore[union-attr]
        unknown = f"SELECT 1 FROM new_rows n WHERE NOT EXISTS (SELECT 1 FROM {instruments} i WHERE i.id = n.instrument_id)"
        named = f"SELECT 1 FROM old_rows o WHERE EXISTS (SELECT 1 FROM {table} r WHERE r.instrument_id = o.id)"
        statements = []
        for event in ("INSERT", "UPDATE"):
            message = f"'{table}.instrument_id refers to no instrument'"
            statements += self._trigger(f"{self.name}_{event.lower()}", event, table, "NEW TABLE AS new_rows", unknown, message)
        message = f"'an instrument that {table} has rows of stays'"
        return statements + self._trigger(f"{self.name}_delete", "DELETE", instruments, "OLD TABLE AS old_rows", named, message)

    def down(self, model: type[models.Model]) -> list[str]:
        return [f"DROP FUNCTION {self.name}_{event}() CASCADE" for event in ("insert", "update", "delete")]

    @staticmethod
    def _trigger(name: str, event: str, table: str, rows: str, wrong: str, message: str) -> list[str]:
        return [
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            f"IF EXISTS ({wrong}) THEN {_REFUSE} {message}; END IF; RETURN NULL; END $$",
            f"CREATE TRIGGER {name} AFTER {event} ON {table} REFERENCING {rows} FOR EACH STATEMENT EXECUTE FUNCTION {name}()",
        ]
