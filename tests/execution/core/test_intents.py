"""RTE-7: one intent, one name."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.core.intents import client_order_id, request_id

TEXT = st.text(min_size=0, max_size=12)


@given(parent=TEXT, number=st.integers(0, 10**6), account=TEXT)
def test_rte_7_client_order_id_fits_every_protocol(parent, number, account):
    name = client_order_id(parent_id=parent, slice_number=number, account_id=account)
    assert re.fullmatch(r"MW[A-Z2-7]{26}", name)
    assert name == client_order_id(parent_id=parent, slice_number=number, account_id=account)


@given(a=st.tuples(TEXT, st.integers(0, 9), TEXT), b=st.tuples(TEXT, st.integers(0, 9), TEXT))
def test_rte_7_different_intents_have_different_names(a, b):
    names = [client_order_id(parent_id=p, slice_number=n, account_id=x) for p, n, x in (a, b)]
    assert (names[0] == names[1]) == (a == b)


def test_rte_7_parts_cannot_run_into_each_other():
    assert client_order_id(parent_id="a|b", slice_number=0, account_id="c") != client_order_id(
        parent_id="a", slice_number=0, account_id="b|c"
    )
    assert client_order_id(parent_id="P", slice_number=0, account_id="None") != client_order_id(
        parent_id="P", slice_number=0, account_id=None, connection_id="C"
    )


def test_rte_7_cancel_and_replace_requests_have_names_of_their_own():
    order = client_order_id(parent_id="P", slice_number=0, account_id=None, connection_id="C")
    names = {order, request_id(order, 1), request_id(order, 2)}
    assert len(names) == 3 and all(len(name) <= 31 for name in names)


def test_rte_7_an_intent_without_addressee_is_refused():
    with pytest.raises(ValueError, match="connection"):
        client_order_id(parent_id="P", slice_number=0, account_id=None)
    with pytest.raises(ValueError, match="negative"):
        client_order_id(parent_id="P", slice_number=-1, account_id="A")
    with pytest.raises(ValueError, match="numbered"):
        request_id("MW", 0)
