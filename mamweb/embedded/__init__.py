"""Private copies of the real servers, for machines that were given none.

Entry points: `attach()` makes sure PostgreSQL and Valkey run and keeps them running while this process lives; `addresses()` says where.
Invariants: 1 one supervisor per state folder, shared by every process that attached; 2 when the last of them ends, however it ends, the
supervisor stops the servers cleanly; 3 when the supervisor itself is killed, the kernel stops the servers (PR_SET_PDEATHSIG) and the
next `attach` starts them again; 4 attaching twice is harmless; 5 `attach` returns only when both servers answer; 6 a server that dies is
started again on the same data, and never beside what is left of its predecessor. All of it hangs on locks, which the kernel lets go of
with the process: no file on disk is believed.
"""

from .client import Addresses, addresses, attach

__all__ = ["Addresses", "addresses", "attach"]
