"""Firms, the people in them, their roles and keys, and the parties the firm deals with."""

from __future__ import annotations

from django.apps import apps
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models.functions import Lower
from knox.models import AbstractAuthToken

from base.fields import CodeField, RateField
from base.models import TenantModel

from ..enums import Role


class Firm(models.Model):
    """A tenant. Global, so it tells no more than its name."""

    id = models.BigAutoField(primary_key=True)
    name = models.CharField(max_length=120, unique=True)

    def __str__(self) -> str:
        return self.name


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **extra: object) -> User:
        """Create a person who signs in with `email`, which counts as confirmed; without a password nobody can sign in as them."""
        user = self.model(email=self.normalize_email(email).lower(), **extra)
        user.set_password(password)
        user.save(using=self._db)
        apps.get_model("account", "EmailAddress")._default_manager.create(user=user, email=user.email, primary=True, verified=True)
        return user

    def get_by_natural_key(self, email: str | None) -> User:
        return self.get(email__iexact=email)


class User(AbstractBaseUser):  # type: ignore[django-manager-missing]  # knox makes its own manager of tokens
    """A person, who may belong to several firms. There is no superuser: what one may do comes from memberships and grants."""

    id = models.BigAutoField(primary_key=True)
    email = models.EmailField(unique=True)
    name = models.CharField(max_length=120, blank=True)
    is_active = models.BooleanField(default=True)

    is_superuser = False
    is_staff = False
    objects = UserManager()
    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"

    class Meta:
        constraints = [models.UniqueConstraint(Lower("email"), name="user_email_any_case")]

    def get_full_name(self) -> str:
        """Return what the person is called."""
        return self.name

    def has_perm(self, perm: str, obj: object = None) -> bool:
        """Return False: rights come from roles and direct object grants, see `governance.queries` and `accounts.queries`."""
        return False

    def has_module_perms(self, app_label: str) -> bool:
        return False


class Membership(TenantModel):
    """A person's role in a firm. People see their own memberships everywhere, to choose a firm after sign-in."""

    own_rows_visible = True

    user = models.ForeignKey(User, models.PROTECT, related_name="memberships")
    role = CodeField(Role)
    is_active = models.BooleanField(default=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["firm", "user", "role"], name="membership_once")]


class ApiToken(AbstractAuthToken):
    """A program's key (stored hashed). It acts as its user in one firm only. Global: it is read before any firm is known.

    is_accepted: its user made it, or has agreed to it; until then it opens nothing.
    """

    firm = models.ForeignKey(Firm, models.PROTECT, related_name="+")
    label = models.CharField(max_length=80)
    is_accepted = models.BooleanField(default=True)


class FirmSettings(TenantModel):
    """What a firm chose for all its accounts."""

    reporting_currency = models.CharField(max_length=8, default="USD")
    cash_buffer_rate = RateField(default="0.005")

    class Meta:
        verbose_name_plural = "firm settings"
        constraints = [models.UniqueConstraint(fields=["firm"], name="firm_settings_once")]


class Party(TenantModel):
    """A person or legal entity: owner, grantor, manager, custodian's contact."""

    code = models.CharField(max_length=40)
    name = models.CharField(max_length=160)
    is_entity = models.BooleanField(default=False)
    statement_address = models.TextField(blank=True)
    user = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        verbose_name_plural = "parties"
        constraints = [models.UniqueConstraint(fields=["firm", "code"], name="party_code")]
