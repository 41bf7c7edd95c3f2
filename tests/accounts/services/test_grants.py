"""GOV-7: the trail names who joined a group and who left it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts import services
from base import tenancy
from governance.enums import AuditAction, SubjectKind
from governance.models import AuditEvent
from tests.accounts.books import NOW
from tests.factories import make_account, make_firm

pytestmark = pytest.mark.django_db


def test_gov_7_the_trail_names_the_accounts_that_joined_and_left():
    with tenancy.firm(make_firm().id):
        first, second, third, fourth = sorted((make_account() for _ in range(4)), key=lambda account: account.code)
        group = services.open_group(code="G", name="Group", account_ids=[second.id, first.id], now=NOW)
        later = NOW + timedelta(days=1)
        services.set_group_members(group_id=group, account_ids=[second.id, third.id, fourth.id], now=later)
        services.set_group_members(group_id=group, account_ids=[second.id, third.id, fourth.id], now=later)
        made, changed = AuditEvent.objects.filter(subject_kind=SubjectKind.ACCOUNT_GROUP).order_by("id")
    assert made.action == AuditAction.CREATED and made.after == {"code": "G", "members": 2, "joined": [first.code, second.code]}
    assert changed.before == {"members": 2, "left": [first.code]}
    assert changed.after == {"members": 3, "joined": [third.code, fourth.code]}
