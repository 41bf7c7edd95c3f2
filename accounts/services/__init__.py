"""Writes of accounts: what they are, who may use them, their books, and what is held against these.

Every service works inside the caller's tenancy block, takes `now`, and raises the `Refused` of its own module.
"""

from .access import grant_account, grant_group, open_group, revoke_account, revoke_group
from .blocks import block_trading, lift_block
from .booking import UnableToBook, post_allocation
from .opening import AccountOpening, UnableToOpen, open_account, open_accounts_many
from .openings import OpeningCash, OpeningLots, record_openings
from .places import CodeTaken, open_connection, open_custodian, open_sleeve
from .posting import UnableToPost, post
from .reservations import consume_reservations, release_reservations, reserve

__all__ = [
    "AccountOpening",
    "CodeTaken",
    "OpeningCash",
    "OpeningLots",
    "UnableToBook",
    "UnableToOpen",
    "UnableToPost",
    "block_trading",
    "consume_reservations",
    "grant_account",
    "grant_group",
    "lift_block",
    "open_account",
    "open_accounts_many",
    "open_connection",
    "open_custodian",
    "open_group",
    "open_sleeve",
    "post",
    "post_allocation",
    "record_openings",
    "release_reservations",
    "reserve",
    "revoke_account",
    "revoke_group",
]
