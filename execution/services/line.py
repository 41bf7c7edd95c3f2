"""The line of one gateway session to its broker: what every step needs, and the way its transactions begin.

Entry point: `Line`. Invariant: every transaction of a session holds the lease of its own epoch, or does not happen (zombie safe).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from uuid import UUID

from accounts.queries import ConnectionFacts
from base import tenancy

from ..gateways.base import Gateway
from .lease import LEASE_SECONDS, LeaseLost, end_lease, hold_lease, renew_lease, take_lease


@dataclass(slots=True)
class Line:
    """One connection, served by one session. `epoch` 0: no lease yet. `held_until`: seconds of the machine's monotonic clock.

    is_hearing: the broker answered the last thing it was asked.
    """

    firm_id: int
    connection: ConnectionFacts
    gateway: Gateway
    holder: str
    lease_seconds: float = LEASE_SECONDS
    epoch: int = 0
    held_until: float = 0.0
    renewed_at: float = field(default=0.0)
    is_hearing: bool = False

    @property
    def connection_id(self) -> UUID:
        return self.connection.id

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Open a tenancy block that holds the lease. Raises LeaseLost."""
        with tenancy.firm(self.firm_id):
            hold_lease(connection_id=self.connection_id, epoch=self.epoch)
            yield

    def take(self) -> None:
        """Become the connection's only sender. Raises LeaseHeld."""
        began = time.monotonic()
        with tenancy.firm(self.firm_id):
            self.epoch = take_lease(connection_id=self.connection_id, holder=self.holder, seconds=self.lease_seconds)
        self._count_from(began)

    def renew(self) -> None:
        """Hold on, if a third of the lease is used up. Raises LeaseLost."""
        began = time.monotonic()
        if began - self.renewed_at < self.lease_seconds / 3:
            return
        with tenancy.firm(self.firm_id):
            renew_lease(connection_id=self.connection_id, epoch=self.epoch, seconds=self.lease_seconds, is_hearing=self.is_hearing)
        self._count_from(began)

    def end(self) -> None:
        """Let go, if it is still ours."""
        with suppress(LeaseLost), tenancy.firm(self.firm_id):
            end_lease(connection_id=self.connection_id, epoch=self.epoch)
        self.epoch = 0

    @property
    def may_write(self) -> bool:
        """Return whether the lease surely still runs: the last look before bytes go to the broker (R5)."""
        return time.monotonic() < self.held_until

    def _count_from(self, began: float) -> None:
        self.renewed_at = began
        self.held_until = began + self.lease_seconds * 0.9
