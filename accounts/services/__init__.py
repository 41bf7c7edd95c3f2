"""Writes of accounts: what they are, who may use them, their books, and what is held against these.

Every service works inside the caller's tenancy block, takes `now`, and raises the `Refused` of its own module.
"""

from .blocks import UnableToBlock, UnableToLift, block_trading, lift_block, lift_by_hand
from .book_rows import lock_books
from .booking import UnableToBook, post_allocation
from .changing import UnableToChange, change_account, change_connection, change_custodian
from .closing import UnableToClose, close_account, register_obstacle, reopen_account
from .evenings import value_evening_again, value_evenings
from .grants import UnableToGroup, grant_account, grant_group, open_group, revoke_account, revoke_group, set_group_members
from .opening import NewAccount, UnableToOpen, open_account, open_accounts
from .openings import Opening, OpeningCash, OpeningLots, record_opening_columns, record_openings
from .places import CodeTaken, open_connection, open_custodian, open_sleeve
from .posting import UnableToPost, accounts_of, post, post_within, stored_transactions
from .rebuilding import check_books, rebuild_books
from .relations import UnableToRelate, end_relationship, relate
from .reservations import consume_reservations, consumption, hold_again, release_reservations, reserve
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
    "UnableToClose",
    "UnableToGroup",
    "UnableToLift",
    "UnableToOpen",
    "UnableToPost",
    "UnableToRelate",
    "accounts_of",
    "block_trading",
    "change_account",
    "change_connection",
    "change_custodian",
    "check_books",
    "close_account",
    "consume_reservations",
    "consumption",
    "end_relationship",
    "grant_account",
    "grant_group",
    "hold_again",
    "lift_block",
    "lift_by_hand",
    "lock_books",
    "open_account",
    "open_accounts",
    "open_connection",
    "open_custodian",
    "open_group",
    "open_sleeve",
    "post",
    "post_allocation",
    "post_within",
    "rebuild_books",
    "record_opening_columns",
    "record_openings",
    "register_obstacle",
    "relate",
    "release_reservations",
    "reopen_account",
    "reserve",
    "revoke_account",
    "revoke_group",
    "set_group_members",
    "snapshot_equity",
    "stored_transactions",
    "value_evening_again",
    "value_evenings",
]
