"""Locks on files: the kernel lets go of one when the last process that has it open ends, however it ends."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path


def open_lock(path: Path) -> int:
    """Return a handle on the lock, made if it is missing; a child gets it only where it is passed on."""
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)


def take(handle: int, how: int = fcntl.LOCK_EX) -> bool:
    """Take the lock if it is free. Return whether it was."""
    try:
        fcntl.flock(handle, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def take_within(handle: int, seconds: float) -> bool:
    """Take the lock for this process alone, waiting a while for it. Return whether it came free."""
    deadline = time.monotonic() + seconds
    while not take(handle):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def is_held(handle: int) -> bool:
    """Return whether somebody else holds the lock, alone or shared."""
    if not take(handle):
        return True
    fcntl.flock(handle, fcntl.LOCK_UN)
    return False


def is_held_alone(handle: int) -> bool:
    """Return whether somebody else holds the lock alone."""
    if not take(handle, fcntl.LOCK_SH):
        return True
    fcntl.flock(handle, fcntl.LOCK_UN)
    return False
