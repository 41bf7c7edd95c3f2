"""Writes of accounts: what they are, who may use them, their books, and what is held against these.

Every service works inside the caller's tenancy block, takes `now`, and raises the `Refused` of its own module.
"""

from .booking import UnableToBook, post_allocation
from .openings import OpeningCash, OpeningLots, record_openings
from .posting import UnableToPost, post

__all__ = ["OpeningCash", "OpeningLots", "UnableToBook", "UnableToPost", "post", "post_allocation", "record_openings"]
