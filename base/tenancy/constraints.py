"""Isolation as database constraints, so that `makemigrations` writes them and nobody can forget them.

`FirmIsolation` forces row-level security on a table; `FirmReference` makes a reference unable to cross firms with a composite foreign
key; `StatementReferences` does the same for the hot tables with one check a statement (a composite key costs 3–5 × a bare COPY there).
"""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models.constraints import BaseConstraint

FIRM = "NULLIF(current_setting('app.firm', true), '')::bigint"
USER = "NULLIF(current_setting('app.user', true), '')::bigint"
# In a policy as a question of its own, asked once a statement: the planner then reckons with a firm of average size. Knowing the value, it
# takes a firm that came after the table's statistics for an empty one, and loops over ten thousand of its rows inside ten thousand others.
POLICY_FIRM, POLICY_USER = f"(SELECT {FIRM})", f"(SELECT {USER})"


class SqlConstraint(BaseConstraint):
    """A constraint whose SQL runs after its table stands, and which the database alone checks."""

    def __init__(self, *, name: str, **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)

    def up(self, model: type[models.Model]) -> list[str]:
        raise NotImplementedError

    def down(self, model: type[models.Model]) -> list[str]:
        raise NotImplementedError

    def constraint_sql(self, model: type[models.Model] | None, schema_editor: BaseDatabaseSchemaEditor | None) -> str:
        schema_editor.deferred_sql.extend(self.up(model))  # type: ignore[union-attr, arg-type]
        return ""

    def create_sql(self, model: type[models.Model] | None, schema_editor: BaseDatabaseSchemaEditor | None) -> str:
        return "; ".join(self.up(model))  # type: ignore[arg-type]

    def remove_sql(self, model: type[models.Model] | None, schema_editor: BaseDatabaseSchemaEditor | None) -> str:
        return "; ".join(self.down(model))  # type: ignore[arg-type]

    def validate(self, model: Any, instance: Any, exclude: Any = None, using: str = "default") -> None:
        """Leave the check to the database, which alone sees every row."""

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.deconstruct() == other.deconstruct()  # type: ignore[attr-defined]

    __hash__ = BaseConstraint.__hash__


class FirmIsolation(SqlConstraint):
    """Show and accept only rows of the transaction's firm; `own_rows` also shows a person their own rows (memberships).

    `referable` adds the unique key (firm_id, id) that composite foreign keys point at; hot tables go without that second index.
    """

    def __init__(self, *, name: str, referable: bool = True, own_rows: bool = False) -> None:
        super().__init__(name=name)
        self.referable, self.own_rows = referable, own_rows

    def up(self, model: type[models.Model]) -> list[str]:
        table = model._meta.db_table
        seen = f"firm_id = {POLICY_FIRM}" + (f" OR user_id = {POLICY_USER}" if self.own_rows else "")
        return [
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
            f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
            f"CREATE POLICY firm ON {table} USING ({seen}) WITH CHECK (firm_id = {FIRM})",
        ]

    def down(self, model: type[models.Model]) -> list[str]:
        table = model._meta.db_table
        unique = [f"ALTER TABLE {table} DROP CONSTRAINT {table}_firm_id_key"] if self.referable else []
        return [*unique, f"DROP POLICY firm ON {table}", f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY"]

    def constraint_sql(self, model: type[models.Model] | None, schema_editor: BaseDatabaseSchemaEditor | None) -> str:
        super().constraint_sql(model, schema_editor)
        return self._unique(model) if self.referable else ""  # type: ignore[arg-type]

    def create_sql(self, model: type[models.Model] | None, schema_editor: BaseDatabaseSchemaEditor | None) -> str:
        table = model._meta.db_table  # type: ignore[union-attr]
        unique = f"ALTER TABLE {table} ADD {self._unique(model)}; " if self.referable else ""  # type: ignore[arg-type]
        return unique + super().create_sql(model, schema_editor)

    @staticmethod
    def _unique(model: type[models.Model]) -> str:
        return f"CONSTRAINT {model._meta.db_table}_firm_id_key UNIQUE (firm_id, id)"

    def deconstruct(self) -> Any:
        path, args, kwargs = super().deconstruct()
        return path, args, {**kwargs, "referable": self.referable, "own_rows": self.own_rows}


class FirmReference(SqlConstraint):
    """A composite foreign key (firm_id, column) → (firm_id, id): a row of another firm cannot be referred to."""

    def __init__(self, *, name: str, field: str) -> None:
        super().__init__(name=name)
        self.field = field

    def up(self, model: type[models.Model]) -> list[str]:
        field: Any = model._meta.get_field(self.field)
        target = field.remote_field.model._meta.db_table
        return [
            f"ALTER TABLE {model._meta.db_table} ADD CONSTRAINT {self.name} FOREIGN KEY (firm_id, {field.column}) "
            f"REFERENCES {target} (firm_id, id) DEFERRABLE INITIALLY DEFERRED"
        ]

    def create_sql(self, model: type[models.Model] | None, schema_editor: BaseDatabaseSchemaEditor | None) -> str:
        return self.constraint_sql(model, schema_editor)  # deferred: the key it points at may come later in the same migration

    def down(self, model: type[models.Model]) -> list[str]:
        return [f"ALTER TABLE {model._meta.db_table} DROP CONSTRAINT {self.name}"]

    def deconstruct(self) -> Any:
        path, args, kwargs = super().deconstruct()
        return path, args, {**kwargs, "field": self.field}


class StatementReferences(SqlConstraint):
    """One anti-join an INSERT for every reference of a hot table, and references that never change afterwards."""

    def __init__(self, *, name: str, fields: list[str]) -> None:
        super().__init__(name=name)
        self.fields = list(fields)

    def up(self, model: type[models.Model]) -> list[str]:
        table = model._meta.db_table
        checks = "".join(self._anti_join(model, name) for name in self.fields)
        fields: list[Any] = [model._meta.get_field(name) for name in self.fields]
        columns = [*(field.column for field in fields), "firm_id"]
        changed = " OR ".join(f"OLD.{column} IS DISTINCT FROM NEW.{column}" for column in columns)
        return [
            f"CREATE FUNCTION {self.name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {checks} RETURN NULL; END $$",
            f"CREATE TRIGGER {self.name} AFTER INSERT ON {table} REFERENCING NEW TABLE AS new_rows "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {self.name}()",
            f"CREATE FUNCTION {self.name}_fixed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            f"RAISE foreign_key_violation USING MESSAGE = 'references of {table} never change'; END $$",
            f"CREATE TRIGGER {self.name}_fixed BEFORE UPDATE ON {table} FOR EACH ROW WHEN ({changed}) EXECUTE FUNCTION {self.name}_fixed()",
        ]

    def down(self, model: type[models.Model]) -> list[str]:
        return [f"DROP FUNCTION {self.name}() CASCADE", f"DROP FUNCTION {self.name}_fixed() CASCADE"]

    def _anti_join(self, model: type[models.Model], name: str) -> str:
        field: Any = model._meta.get_field(name)
        target = field.remote_field.model
        same_firm = " AND t.firm_id = n.firm_id" if getattr(field, "stays_in_firm", False) else ""
        return (
            f"IF EXISTS (SELECT 1 FROM new_rows n LEFT JOIN {target._meta.db_table} t ON t.id = n.{field.column}{same_firm} "
            f"WHERE n.{field.column} IS NOT NULL AND t.id IS NULL) THEN RAISE foreign_key_violation "
            f"USING MESSAGE = '{model._meta.db_table}.{field.column} refers to no row of this firm'; END IF; "
        )

    def deconstruct(self) -> Any:
        path, args, kwargs = super().deconstruct()
        return path, args, {**kwargs, "fields": self.fields}


class AppendOnly(SqlConstraint):
    """Refuse UPDATE and DELETE whoever asks, the table's owner included (the runtime role lacks the privilege as well)."""

    def up(self, model: type[models.Model]) -> list[str]:
        table = model._meta.db_table
        return [
            f"CREATE FUNCTION {self.name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            f"RAISE insufficient_privilege USING MESSAGE = '{table} only grows'; END $$",
            f"CREATE TRIGGER {self.name} BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION {self.name}()",
        ]

    def down(self, model: type[models.Model]) -> list[str]:
        return [f"DROP FUNCTION {self.name}() CASCADE"]
