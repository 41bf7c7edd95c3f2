"""One database, three roles: migrations run as the owner, everything else as the runtime role unless it names the loader."""

from __future__ import annotations

from typing import Any


class OneDatabase:
    """Lets only the owner migrate, and objects of any role refer to each other."""

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return db == "owner"

    def allow_relation(self, obj1: Any, obj2: Any, **hints: Any) -> bool:
        return True
