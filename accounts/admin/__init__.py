"""What the admin shows of accounts, and of the authorities over them (`governance.adminsite`)."""

from __future__ import annotations

from governance.adminsite import site
from governance.models import Authority

from ..models import (
    Account,
    AccountGroup,
    AccountGroupUserObjectPermission,
    AccountUserObjectPermission,
    BrokerConnection,
    Custodian,
    LedgerTransaction,
    TradingBlock,
)
from .authorities import AuthorityAdmin
from .books import LedgerTransactionAdmin
from .grants import AccountGrantAdmin, AccountGroupAdmin, GroupGrantAdmin
from .places import AccountAdmin, BrokerConnectionAdmin, CustodianAdmin, TradingBlockAdmin

site.register(Account, AccountAdmin)
site.register(AccountGroup, AccountGroupAdmin)
site.register(BrokerConnection, BrokerConnectionAdmin)
site.register(Custodian, CustodianAdmin)
site.register(Authority, AuthorityAdmin)
site.register(AccountUserObjectPermission, AccountGrantAdmin)
site.register(AccountGroupUserObjectPermission, GroupGrantAdmin)
site.register(TradingBlock, TradingBlockAdmin)
site.register(LedgerTransaction, LedgerTransactionAdmin)
