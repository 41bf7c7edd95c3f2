"""The base of every tenant table.

A subclass of `TenantModel` gets, without saying so: a time-ordered id, its firm from the open tenancy block, forced row-level security,
and references that cannot cross firms. `statement_checked = True` names a hot table, `append_only = True` one that only grows.
"""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models.base import ModelBase

from .core.ids import new_id
from .tenancy.constraints import FIRM, AppendOnly, FirmIsolation, FirmReference, StatementReferences


class CurrentFirm(models.Func):
    """Database default: the firm that the transaction has set."""

    template = FIRM
    output_field = models.BigIntegerField()
    arity = 0
    allowed_default = True


class TenantForeignKey(models.ForeignKey):
    """A reference to a row of the same firm; the database checks the pair (firm, id), see `FirmReference`."""

    stays_in_firm = True

    def __init__(self, to: Any, on_delete: Any = models.PROTECT, **kwargs: Any) -> None:
        kwargs["db_constraint"] = False
        kwargs.setdefault("db_index", False)  # indexes here start with the firm, and are named where they are wanted
        super().__init__(to, on_delete, **kwargs)


class TenantModelBase(ModelBase):
    """Adds the isolation constraints to every concrete tenant model, so that migrations carry them."""

    def __new__(mcs, name: str, bases: tuple[type, ...], attrs: dict[str, Any], **kwargs: Any) -> Any:
        model: Any = super().__new__(mcs, name, bases, attrs, **kwargs)
        meta = model._meta
        if meta.abstract or meta.proxy:
            return model
        hot = model.statement_checked
        added: list[Any] = [FirmIsolation(name=f"{meta.db_table}_firm", referable=not hot, own_rows=model.own_rows_visible)]
        local: list[Any] = [field for field in meta.local_fields if isinstance(field, models.ForeignKey) and field.name != "firm"]
        if hot:
            meta.get_field("firm").db_constraint = False
            for field in local:
                field.db_constraint = False
                field.db_index = False
            if local:
                added.append(StatementReferences(name=f"{meta.db_table}_refs", fields=[field.name for field in local]))
        else:
            ours = [field for field in local if isinstance(field, TenantForeignKey)]
            added += [FirmReference(name=f"{meta.db_table}_{field.name}_ref", field=field.name) for field in ours]
        if model.append_only:
            added.append(AppendOnly(name=f"{meta.db_table}_grows"))
        meta.constraints = [*meta.constraints, *added]
        meta.original_attrs["constraints"] = meta.constraints
        return model


class TenantModel(models.Model, metaclass=TenantModelBase):
    """A row of one firm. Ids are UUIDv7, so later rows sort after earlier ones."""

    is_tenant = True
    statement_checked = False
    append_only = False
    own_rows_visible = False

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    firm = models.ForeignKey("governance.Firm", models.PROTECT, db_default=CurrentFirm(), editable=False, db_index=False, related_name="+")

    class Meta:
        abstract = True
