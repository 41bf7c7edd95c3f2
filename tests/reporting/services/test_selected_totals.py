"""What the row of totals of a filtered dashboard shows: the same as a group's that is stored (RSK-9)."""

from __future__ import annotations

from decimal import Decimal as D
from typing import Any

import pytest

from accounts.enums import AccountClass
from governance.core.subjects import Viewer
from reporting.core.account_filter import AccountFilter
from reporting.models import FigureTotals
from reporting.queries.figure_charts import curve_of
from reporting.queries.figures import Sight, growth_of, totals_of
from reporting.services import refresh_figures
from reporting.services.figure_totals import drawdown_of
from tests.factories import make_account
from tests.reporting.services.test_figures import DAY, NOW, evening, firm, fund

__all__ = ["firm"]
pytestmark = pytest.mark.django_db
# An account's evenings and its equity now, by class: 400, 380, then 360 is a fall of a tenth; 120, 151, then 152 is none.
PAST = {
    AccountClass.PERSONAL: (("100", "120", "110"), ("300", "260", "250")),
    AccountClass.ENTITY: (("50", "80", "81"), ("70", "71", "71")),
}


def test_rsk_9_a_selection_has_the_drawdown_and_the_line_its_group_has(firm: Any) -> None:
    """A filter for one class chooses the accounts of a group whose total is stored: both ways are held against each other."""
    for kind, accounts in PAST.items():
        for first, second, now in accounts:
            account = make_account(account_class=kind)
            fund(account, now)
            evening(account, 2, first, first)
            evening(account, 1, second)
    refresh_figures(now=NOW)
    for kind, fall in zip(PAST, ("0.1", "0"), strict=True):
        stored = FigureTotals.objects.get(kind="account_class", label=kind)
        sight = Sight(Viewer(0, True, DAY), AccountFilter(account_class=kind))
        total, curve = totals_of(sight), curve_of(sight, now=NOW)
        assert total is not None and not total.whole and total.equity_to == stored.equity_to
        grown, before = growth_of(sight)
        unit, peak = (D(repr(float(curve[name][0]))) for name in ("unit", "peak"))
        assert drawdown_of(unit=unit, peak=peak, grown=grown, before=before) == stored.drawdown == D(fall)
        assert curve["points"] == list(stored.points)
        assert [round(equity * 100) for equity in curve["equity"]] == curve["points"][-2:]
