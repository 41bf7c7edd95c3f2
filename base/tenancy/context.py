"""The firm, and the person, that a transaction works for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connections, transaction

from .. import prepared


class FirmMismatch(RuntimeError):
    """A block for one firm was opened inside a block for another."""


def current_firm(using: str = "default") -> int | None:
    """Return the firm of the innermost open block on this connection, or None."""
    return getattr(connections[using], "firm_id", None)


@contextmanager
def firm(firm_id: int, *, using: str = "default") -> Iterator[None]:
    """Run the block in one transaction in which only this firm's rows exist.

    The setting is local to the transaction, so a pooled connection never carries it to its next borrower.
    Raises FirmMismatch inside a block of another firm; ValueError for something that is no firm's id.
    """
    if isinstance(firm_id, bool) or not isinstance(firm_id, int) or firm_id <= 0:
        raise ValueError(f"firm_id {firm_id!r} is not a positive integer")
    outer = current_firm(using)
    if outer not in (None, firm_id):
        raise FirmMismatch(f"a block for firm {firm_id} was opened inside one for firm {outer}")
    connection = connections[using]
    is_nested = connection.in_atomic_block  # else the end of the transaction takes the setting away by itself
    with transaction.atomic(using=using):
        if outer is None:
            _set_local(using, "app.firm", str(firm_id))
        connection.firm_id = firm_id  # type: ignore[attr-defined]
        try:
            yield
            if outer is None and is_nested and not connection.needs_rollback:
                _set_local(using, "app.firm", "")
        finally:
            connection.firm_id = outer  # type: ignore[attr-defined]


@contextmanager
def person(user_id: int, *, using: str = "default") -> Iterator[None]:
    """Run the block as this person, who may then read their own memberships in every firm, and nothing else."""
    with transaction.atomic(using=using):
        _set_local(using, "app.user", str(int(user_id)))
        yield
        if not connections[using].needs_rollback:
            _set_local(using, "app.user", "")


def _set_local(using: str, name: str, value: str) -> None:
    prepared.fetch("SELECT set_config(%s, %s, true)", [name, value], using=using)
