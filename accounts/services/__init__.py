"""Writes of accounts: what they are, who may use them, their books, and what is held against these.

Every service works inside the caller's tenancy block, takes `now`, and raises the `Refused` of its own module.
"""

from .blocks import UnableToBlock, UnableToLift, block_trading, lift_block, lift_by_hand
from .booking import UnableToBook, post_allocation
from .changing import UnableToChange, change_account, change_connection, change_custodian
from .grants import UnableToGroup, grant_account, grant_group, open_group, revoke_account, revoke_group, set_group_members
from .opening import NewAccount, UnableToOpen, open_account, open_accounts
from .openings import Opening, OpeningCash, OpeningLots, record_opening_columns, record_openings
from .places import CodeTaken, open_connection, open_custodian, open_sleeve
from .posting import UnableToPost, post, stored_transactions
from .rebuilding import check_books, rebuild_books
from .relations import UnableToRelate, end_relationship, relate
from .reservations import consume_reservations, hold_again, release_reservations, reserve
from .snapshots import SnapshotFacts, snapshot_equity

__all__ = [
    "CodeTaken",
    "NewAccount",
    "Opening",
    "OpeningCash",
    "OpeningLots",
    "SnapshotFacts",
    "UnableToBlock",
    "UnableToBook",
    "UnableToChange",
    "UnableToGroup",
    "UnableToLift",
    "UnableToOpen",
    "UnableToPost",
    "UnableToRelate",
    "block_trading",
    "change_account",
    "change_connection",
    "change_custodian",
    "check_books",
    "consume_reservations",
    "end_relationship",
    "grant_account",
    "grant_group",
    "hold_again",
    "lift_block",
    "lift_by_hand",
    "open_account",
    "open_accounts",
    "open_connection",
    "open_custodian",
    "open_group",
    "open_sleeve",
    "post",
    "post_allocation",
    "rebuild_books",
    "record_opening_columns",
    "record_openings",
    "relate",
    "release_reservations",
    "reserve",
    "revoke_account",
    "revoke_group",
    "set_group_members",
    "snapshot_equity",
    "stored_transactions",
]
