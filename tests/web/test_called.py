"""How things are called on the pages: by their own name, in words, with figures as people read them."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from accounts.models import Account
from base import tenancy
from execution.models import ChildOrder
from governance.core.subjects import Subject, Viewer
from governance.enums import SubjectKind
from governance.models import MandateRule
from governance.queries.names import subject_name
from market.enums import InstrumentKind
from market.queries import instruments
from reporting.queries.exposure import Bar, Line
from tests.api.scene import DAY, Scene
from tests.web.papers import authority
from tests.web.people import signed_in

pytestmark = pytest.mark.django_db


def page(user: Any, path: str) -> str:
    return signed_in(user).get(path).content.decode()


@pytest.mark.parametrize(("is_clearing", "who"), [(False, "{code}"), (True, "a block")])
def test_an_order_is_called_by_a_grouped_quantity_and_a_block_is_called_one(scene: Scene, is_clearing: bool, who: str) -> None:
    with tenancy.firm(scene.firm.id):
        ChildOrder.objects.filter(pk=scene.ids["order"]).update(quantity=Decimal(1146))
        Account.objects.filter(pk=scene.account.pk).update(is_clearing=is_clearing)
        name = subject_name(Viewer(scene.owner.user.pk, True, DAY), Subject(SubjectKind.CHILD_ORDER, str(scene.ids["order"])))
    assert name is not None
    assert name.text.startswith(f"Buy 1,146 {scene.instrument.symbol}, {who.format(code=scene.account.code)} at ")


def test_an_authority_that_ends_is_called_by_its_code(scene: Scene) -> None:
    with tenancy.firm(scene.firm.id):
        row = authority(scene.account, 20)
    text = page(scene.owner.user, "/home/widgets/authorities")
    assert f'<a href="/authorities/{row.pk}/">Authority {row.code}</a>, 1 account<' in text


def test_kinds_of_instrument_stand_in_words(scene: Scene) -> None:
    with tenancy.firm(scene.firm.id):
        mandate = authority(scene.account).mandate
        assert mandate is not None
        MandateRule.objects.create(mandate=mandate, kind="ALLOWED_KINDS", words=["EQUITY", "CRYPTO_SPOT", "FX"], clause="§ 2")
    assert "Equity, Crypto spot, FX" in page(scene.owner.user, f"/authorities/mandates/{mandate.pk}/")


def test_a_pair_has_the_sector_that_its_bar_has(scene: Scene) -> None:
    share = instruments([scene.instrument.pk])[scene.instrument.pk]
    pair = replace(share, kind=InstrumentKind.FX, sector="")
    assert [Line(one, Decimal(1), Decimal(0), Bar("", None, None)).sector for one in (replace(share, sector="Energy"), pair)] == [
        "Energy",
        "Currencies",
    ]


def test_the_admin_leads_to_all_only_where_something_is_left_out(scene: Scene) -> None:
    client = signed_in(scene.risk.user)
    whole, some = (client.get(f"/admin/accounts/account/{query}").content.decode() for query in ("", f"?q={scene.account.code}"))
    assert "1 result<" in some.replace("1 result (", "1 result<") and "Show all" in some
    assert " result" in whole and "Show all" not in whole
