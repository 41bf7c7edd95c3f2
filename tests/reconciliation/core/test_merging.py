"""Several connections of one custodian as one snapshot (REC-1)."""

from __future__ import annotations

import pytest

from reconciliation.core.matching import reconcile
from reconciliation.core.merging import Part, merge_parts
from reconciliation.enums import ItemKind
from tests.reconciliation.scene import DIRECTORY, cash, expectation, position, snapshot, summary, trade

OWNERS, NAMES = ("FIRST", "FIRST", "SECOND"), DIRECTORY.accounts


def rows_of(table) -> list[tuple[int, int]]:
    return list(zip(table.account.tolist(), (table.amount if hasattr(table, "amount") else table.quantity).tolist(), strict=True))


def test_rec_1_each_connection_speaks_for_its_own_accounts():
    first = snapshot({"cash_td": [cash("A", 10), cash("B", 20)], "trades": [trade("A", "XYZ", 1, "50", "X1")]}, covered="AB")
    second = snapshot({"cash_td": [cash("C", 30)], "trades": [trade("C", "XYZ", 2, "50", "A-LONGER-ID-THAN-8")]}, covered="C")
    merged = merge_parts([Part("FIRST", first), Part("SECOND", second)], OWNERS, NAMES)
    assert [amount // 10**8 for _, amount in rows_of(merged.snapshot.cash_td)] == [10, 20, 30]
    assert merged.snapshot.trades.exec_id.tolist() == [b"X1", b"A-LONGER-ID-THAN-8"]
    assert merged.snapshot.covered.all() and merged.disagreements == ()


def test_rec_1_an_account_of_a_silent_connection_is_not_covered_even_where_another_one_speaks_of_it():
    first = snapshot({"cash_td": [cash("A", 10), cash("C", 30)]}, covered="ABC")
    merged = merge_parts([Part("FIRST", first)], OWNERS, NAMES)
    assert merged.snapshot.covered.tolist() == [True, True, False]
    assert [account for account, _ in rows_of(merged.snapshot.cash_td)] == [0]


def test_rec_1_two_connections_that_agree_on_an_account_count_it_once():
    first = snapshot({"cash_td": [cash("A", 10), cash("C", 30)], "positions": [position("C", "XYZ", 5, "50")]}, covered="ABC")
    second = snapshot({"cash_td": [cash("C", 30)], "positions": [position("C", "XYZ", 5)]}, covered="C")
    merged = merge_parts([Part("FIRST", first), Part("SECOND", second)], OWNERS, NAMES)
    assert merged.disagreements == () and merged.snapshot.covered.all()
    assert len(merged.snapshot.positions) == 1 and len(merged.snapshot.cash_td) == 2


@pytest.mark.parametrize("theirs", [{"cash_td": [cash("C", 31)]}, {"cash_td": [cash("C", 30)], "positions": [position("C", "XYZ", 1)]}])
def test_rec_1_an_account_on_which_two_connections_disagree_is_named_and_not_covered(theirs):
    first, second = snapshot(theirs, covered="ABC"), snapshot({"cash_td": [cash("C", 30)]}, covered="C")
    merged = merge_parts([Part("FIRST", first), Part("SECOND", second)], OWNERS, NAMES)
    assert merged.disagreements == ("connections FIRST and SECOND disagree on account C",)
    assert merged.snapshot.covered.tolist() == [True, True, False]


def test_rec_1_a_section_that_one_connection_did_not_deliver_is_not_delivered():
    first, second = snapshot({}, covered="AB"), snapshot({}, covered="C", missing=(ItemKind.TRADE,))
    merged = merge_parts([Part("FIRST", first), Part("SECOND", second)], OWNERS, NAMES)
    assert ItemKind.TRADE not in merged.snapshot.sections and ItemKind.CASH_TD in merged.snapshot.sections


def test_rec_1_a_report_of_the_whole_custodian_needs_no_other():
    whole = snapshot({"cash_td": [cash("C", 30)]})
    merged = merge_parts([Part("", whole)], OWNERS, NAMES)
    assert merged.snapshot.covered.all()
    assert summary(reconcile(expectation({"cash_td": [cash("C", 30)]}), merged.snapshot, DIRECTORY, {})) == []


def test_merging_nothing_is_a_mistake():
    with pytest.raises(ValueError, match="no report"):
        merge_parts([], OWNERS, NAMES)
