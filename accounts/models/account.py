"""Trading accounts, where they are kept, who may see them, and how they relate (ACC-1, ACC-2, CON-3)."""

from __future__ import annotations

from django.db import models
from guardian.models import UserObjectPermissionBase

from base.fields import CodeField, RateField
from base.models import TenantForeignKey, TenantModel

from ..enums import (
    AccountClass,
    LeverageRegime,
    LotMethod,
    NodeKind,
    PositionMode,
    Registration,
    RelationshipKind,
    SettlementMode,
    TaxClassification,
)


class Custodian(TenantModel):
    """Who holds the assets, and against whose books ours are reconciled every evening."""

    code = models.CharField(max_length=40)
    name = models.CharField(max_length=160)
    contact = models.TextField(blank=True)
    calendar = models.CharField(max_length=16, default="XNYS")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["firm", "code"], name="custodian_code")]


class BrokerConnection(TenantModel):
    """One session with one broker; one gateway process serves it. `pools_blocks`: it can take one order for many accounts."""

    code = models.CharField(max_length=40)
    gateway = models.CharField(max_length=32)
    custodian = TenantForeignKey(Custodian, related_name="connections")
    is_paper = models.BooleanField(default=True)
    pools_blocks = models.BooleanField(default=False)
    settings = models.JSONField(default=dict, blank=True)
    is_enabled = models.BooleanField(default=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["firm", "code"], name="connection_code")]


class Sleeve(TenantModel):
    """The part of each account that one strategy runs; the broker's position is the sum of sleeves (SIZ-1)."""

    code = models.CharField(max_length=40)
    name = models.CharField(max_length=160)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["firm", "code"], name="sleeve_code")]


class Account(TenantModel):
    """A trading account, or (`is_clearing`) the clearing account where a connection's blocks rest until they are shared out."""

    code = models.CharField(max_length=40)
    name = models.CharField(max_length=160)
    account_class = CodeField(AccountClass)
    registration = CodeField(Registration, blank=True)
    tax_classification = CodeField(TaxClassification)
    leverage_regime = CodeField(LeverageRegime)
    settlement_mode = CodeField(SettlementMode, default=SettlementMode.SETTLED_ONLY)
    lot_method = CodeField(LotMethod, default=LotMethod.FIFO)
    position_mode = CodeField(PositionMode, default=PositionMode.NETTING)
    base_currency = models.CharField(max_length=8)
    custodian = TenantForeignKey(Custodian, related_name="accounts")
    custodian_account = models.CharField(max_length=64)
    connection = TenantForeignKey(BrokerConnection, related_name="accounts")
    owner = TenantForeignKey("governance.Party", null=True, blank=True, related_name="+")
    mandate = TenantForeignKey("governance.Mandate", null=True, blank=True, related_name="+")
    position_cap_rate = RateField(null=True, blank=True)
    is_clearing = models.BooleanField(default=False)
    opened_on = models.DateField()
    closed_on = models.DateField(null=True, blank=True)

    class Meta:
        permissions = [("trade_account", "Can trade the account")]
        constraints = [
            models.UniqueConstraint(fields=["firm", "code"], name="account_code"),
            models.UniqueConstraint(fields=["firm", "custodian", "custodian_account"], name="account_at_custodian"),
            models.UniqueConstraint(fields=["firm", "connection"], condition=models.Q(is_clearing=True), name="one_clearing_account"),
        ]

    def __str__(self) -> str:
        return self.code


class AccountGroup(TenantModel):
    """Static, effective-dated members. Groups take grants; saved filters never do (DESIGN §6)."""

    code = models.CharField(max_length=40)
    name = models.CharField(max_length=160)

    class Meta:
        permissions = [("trade_accountgroup", "Can trade the accounts of the group")]
        constraints = [models.UniqueConstraint(fields=["firm", "code"], name="account_group_code")]


class AccountGroupMember(TenantModel):
    group = TenantForeignKey(AccountGroup, related_name="members")
    account = TenantForeignKey(Account, related_name="group_memberships")
    valid_from = models.DateField()
    valid_until = models.DateField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["firm", "group", "account", "valid_from"], name="group_member_once")]


class AccountUserObjectPermission(UserObjectPermissionBase, TenantModel):
    """A direct grant on an account; it carries its firm, so the policy covers it."""

    content_object = TenantForeignKey(Account, models.CASCADE)

    class Meta:
        verbose_name_plural = "grants on accounts"
        constraints = [models.UniqueConstraint(fields=["firm", "user", "permission", "content_object"], name="account_grant_once")]


class AccountGroupUserObjectPermission(UserObjectPermissionBase, TenantModel):
    """A direct grant on a group: it reaches the accounts that are members on the day."""

    content_object = TenantForeignKey(AccountGroup, models.CASCADE)

    class Meta:
        verbose_name_plural = "grants on groups"
        constraints = [models.UniqueConstraint(fields=["firm", "user", "permission", "content_object"], name="account_group_grant_once")]


class Relationship(TenantModel):
    """CON-3: an edge of one of the four graphs between accounts and parties, effective-dated; the graphs are never merged."""

    kind = CodeField(RelationshipKind)
    from_kind = CodeField(NodeKind)
    from_id = models.UUIDField()
    to_kind = CodeField(NodeKind)
    to_id = models.UUIDField()
    share_rate = RateField(null=True, blank=True)
    valid_from = models.DateField()
    valid_until = models.DateField(null=True, blank=True)
    reason = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["firm", "kind", "from_kind", "from_id", "to_kind", "to_id", "valid_from"], name="relationship_once"
            )
        ]
