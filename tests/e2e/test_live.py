"""The live push in a browser: a critical alert comes as a banner and a tone, a hidden tab draws nothing until it is seen again."""

from __future__ import annotations

from uuid import UUID

import pytest
from playwright.sync_api import Page, expect

from base import tenancy
from base.clock import process_clock
from governance.core.subjects import Actor, Subject
from governance.enums import AlertTier, Role, SubjectKind
from governance.services import acknowledge_alert, end_alert, raise_alert
from tests.e2e.conftest import Running
from tests.e2e.live import arrives, mark

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("e2e")]
