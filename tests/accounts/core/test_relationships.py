"""CON-3: four graphs, effective-dated."""

from datetime import date, timedelta
from decimal import Decimal as D

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.core.relationships import (
    Edge,
    account,
    are_related,
    find_meeting,
    group_labels,
    group_of,
    group_sums,
    owners,
    party,
    same_owner,
)
from accounts.enums import Meeting
from accounts.enums import RelationshipKind as R

START, ON, END = date(2025, 1, 1), date(2026, 3, 2), date(2026, 6, 1)


def edge(kind, source, target, share=None, until=None) -> Edge:
    return Edge(kind, source, target, START, until, share)


MINE = ("M taxable", "M IRA", "M LLC")
EDGES = (
    *(edge(R.CONTROL_GROUP, account(name), party("M")) for name in (*MINE, "K")),
    *(edge(R.TAX_UNIT, account(name), party("M")) for name in MINE),
    edge(R.TAX_UNIT, account("K"), party("client K")),
    *(edge(R.OWNER, account(name), party("M"), D(1)) for name in ("M taxable", "M IRA")),
    edge(R.OWNER, account("M LLC"), party("M LLC Inc"), D(1)),
    edge(R.OWNER, account("K"), party("client K"), D(1)),
)


def test_con_3_manager_ira_llc_and_client_are_one_control_group_of_four():
    assert group_of(EDGES, R.CONTROL_GROUP, account("K"), ON) == {*MINE, "K"}
    assert group_labels(EDGES, R.CONTROL_GROUP, [*MINE, "K", "stranger"], ON).tolist() == [0, 0, 0, 0, 1]


def test_con_3_tax_unit_of_the_manager_excludes_the_client():
    assert group_of(EDGES, R.TAX_UNIT, party("M"), ON) == set(MINE)
    assert group_labels(EDGES, R.TAX_UNIT, ["K", *MINE], ON).tolist() == [0, 1, 1, 1]


def test_con_3_a_spouse_joins_the_tax_unit_from_the_wedding_to_the_divorce():
    linked = (
        *EDGES,
        edge(R.TAX_UNIT, account("S"), party("spouse")),
        Edge(R.TAX_UNIT, party("M"), party("spouse"), ON, END),
    )
    for day, together in ((ON - timedelta(days=1), False), (ON, True), (END - timedelta(days=1), True), (END, False)):
        assert ("S" in group_of(linked, R.TAX_UNIT, party("M"), day)) is together


def test_con_3_owning_ten_percent_makes_a_control_group_and_less_does_not():
    at, below = edge(R.CONTROL_GROUP, account("F"), party("M"), D("0.10")), edge(R.CONTROL_GROUP, account("G"), party("M"), D("0.0999"))
    members = group_of((*EDGES, at, below), R.CONTROL_GROUP, party("M"), ON)
    assert "F" in members and "G" not in members


def test_con_3_groups_through_a_common_controller_are_one():
    co_managed = (*EDGES, edge(R.CONTROL_GROUP, account("K"), party("N")), edge(R.CONTROL_GROUP, account("N own"), party("N")))
    assert group_of(co_managed, R.CONTROL_GROUP, account("M IRA"), ON) == {*MINE, "K", "N own"}


def test_rel_1_related_parties_are_direct_and_symmetric_never_through_others():
    family = (edge(R.RELATED_PARTY, party("M"), party("sister")), edge(R.RELATED_PARTY, party("sister"), party("her husband")))
    assert are_related(family, party("sister"), party("M"), ON)
    assert not are_related(family, party("M"), party("her husband"), ON)
    with pytest.raises(ValueError, match="does not make groups"):
        group_of(family, R.RELATED_PARTY, party("M"), ON)


def test_gov_5_same_owner_means_the_same_set_and_unknown_is_never_the_same():
    assert same_owner(EDGES, "M taxable", "M IRA", ON) and not same_owner(EDGES, "M taxable", "K", ON)
    assert owners(EDGES, "M LLC", ON) == {"M LLC Inc"} and not same_owner(EDGES, "M LLC", "M IRA", ON)
    joint = (*EDGES, edge(R.OWNER, account("J"), party("M"), D("0.5")), edge(R.OWNER, account("J"), party("spouse"), D("0.5")))
    assert not same_owner(joint, "J", "M taxable", ON)
    assert not same_owner(EDGES, "unknown 1", "unknown 2", ON)
    assert owners(EDGES, "K", START - timedelta(days=1)) == set()


def test_cst_6_group_sums_bind_every_member():
    labels = np.array([0, 1, 0, 2], np.int64)
    assert group_sums(labels, np.array([30, 7, 40, 1], np.int64)).tolist() == [70, 7, 70, 1]
    assert group_sums(labels[:0], labels[:0]).tolist() == []


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 4)), max_size=20))
def test_con_3_labels_and_groups_tell_the_same(links):
    edges = [edge(R.CONTROL_GROUP, account(a), party(p)) for a, p in links]
    labels = group_labels(edges, R.CONTROL_GROUP, range(10), ON)
    for i in range(10):
        assert group_of(edges, R.CONTROL_GROUP, account(i), ON) == {j for j in range(10) if labels[j] == labels[i]}


CONTROLLED = (
    *(edge(R.CONTROL_GROUP, account(name), party("M")) for name in ("a", "b")),
    edge(R.CONTROL_GROUP, account("c"), party("N")),
    edge(R.OWNER, account("b"), party("Berg"), D("0.5")),
    edge(R.OWNER, account("c"), party("Berg"), D("0.5")),
    edge(R.OWNER, account("c"), party("Weiss"), D("0.5")),
)


@pytest.mark.parametrize(
    ("ones", "others", "why"),
    [
        ("a", "a", Meeting.SAME_OWNER),
        ("b", "c", Meeting.SAME_OWNER),
        ("a", "b", Meeting.CONTROL_GROUP),
        ("ac", "bx", Meeting.SAME_OWNER),
        ("a", "c", None),
        ("a", "x", Meeting.UNRECORDED),
        ("x", "y", Meeting.UNRECORDED),
        ("", "x", None),
    ],
)
def test_rte_5_why_orders_may_not_meet(ones, others, why):
    assert find_meeting(CONTROLLED, ones, others, ON) is why
    assert find_meeting(CONTROLLED, others, ones, ON) is why


def test_rte_5_an_owner_recorded_with_the_account_counts_beside_the_graph():
    assert find_meeting(CONTROLLED, "a", "c", ON, owned_by={"a": "Weiss"}) is Meeting.SAME_OWNER
    assert find_meeting(CONTROLLED, "a", "c", ON, owned_by={"a": "M", "c": "N"}) is None
    assert find_meeting(CONTROLLED, "a", "b", START - timedelta(days=1)) is Meeting.UNRECORDED
