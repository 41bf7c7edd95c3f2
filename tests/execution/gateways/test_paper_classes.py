"""Venues of class B and C, unreadable answers, crash points."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from execution.gateways.base import GatewayError
from execution.gateways.enums import OutcomeKind, VenueClass
from execution.gateways.paper.gateway import PaperGateway
from execution.gateways.paper.transports import LocalTransport
from execution.gateways.reports import OrderRef, OrderRequest
from execution.venue.journal import read_oracle
from execution.venue.service import VenueService
from market.enums import Side
from tests.execution.venue.world import CONFIG, make_service

ROOT = Path(__file__).parents[3]


def open_venue(path: Path, venue_class: VenueClass) -> tuple[PaperGateway, VenueService]:
    service = make_service(path, replace(CONFIG, venue_class=venue_class.value))
    service.handle({"op": "open", "accounts": {"A": {}}})
    gateway = PaperGateway(LocalTransport(service), venue_class)
    gateway.connect()
    return gateway, service


def order(reference: str) -> OrderRequest:
    return OrderRequest(reference, "A", "FLAT", Side.BUY, Decimal(100))


def test_class_b_venue_doubles_a_resent_order_and_shows_both(tmp_path: Path) -> None:
    gateway, _ = open_venue(tmp_path / "j", VenueClass.B)
    gateway.submit(order("o1"))
    gateway.submit(order("o1"))
    assert len(gateway.order_status(OrderRef("o1"))) == 2
    assert gateway.cancel(OrderRef("o1"), "c1").reason == "AMBIGUOUS"
    oracle = read_oracle(tmp_path / "j")
    assert (oracle.transmissions["o1"], oracle.accepted["o1"]) == (2, 2)


def test_class_a_venue_counts_the_refused_transmission_too(tmp_path: Path) -> None:
    gateway, _ = open_venue(tmp_path / "j", VenueClass.A)
    gateway.submit_many([order("o1"), order("o1")])
    oracle = read_oracle(tmp_path / "j")
    assert (oracle.transmissions["o1"], oracle.accepted["o1"]) == (2, 1)


def test_class_c_venue_keeps_no_reference(tmp_path: Path) -> None:
    gateway, service = open_venue(tmp_path / "j", VenueClass.C)
    outcome = gateway.submit(order("o1"))
    assert outcome.kind is OutcomeKind.CONFIRMED and outcome.report is not None
    assert outcome.report.ref.client_order_id == "o1"
    with pytest.raises(GatewayError) as caught:
        gateway.order_status(OrderRef("o1"))
    assert caught.value.permanent
    by_id = OrderRef("", outcome.report.ref.broker_order_id, outcome.report.ref.session_epoch)
    assert [r.ref.client_order_id for r in gateway.order_status(by_id)] == [""]
    service.handle({"op": "clock", "microseconds": 120_000_000})
    assert [e.ref.client_order_id for e in gateway.executions_since("")] == [""]
    assert read_oracle(tmp_path / "j").transmissions["o1"] == 1


class Garbling:
    """A transport whose answers cannot be read."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self.answer = answer

    def connect(self, timeout: float) -> None: ...

    def close(self) -> None: ...

    def request(self, message: dict[str, Any], timeout: float) -> dict[str, Any]:
        return self.answer


GARBLED = [
    {},
    {"ok": True},
    {"ok": True, "results": []},
    {"ok": True, "results": [7]},
    {"ok": True, "results": [{"broker_order_id": "V1", "kind": "NEW"}]},
    {"ok": True, "items": 5, "as_of": "x", "complete": True},
    {"ok": True, "items": [["A", "FLAT", "NaN"]], "as_of": 0, "complete": True},
]


@pytest.mark.parametrize("answer", GARBLED[1:])
def test_unreadable_answer_to_an_order_is_unresolved(answer: dict[str, Any]) -> None:
    outcome = PaperGateway(Garbling(answer)).submit(order("o1"))
    assert outcome.kind is OutcomeKind.UNRESOLVED and outcome.client_order_id == "o1"


def test_answer_without_a_verdict_is_unresolved_not_rejected() -> None:
    assert PaperGateway(Garbling({})).submit(order("o1")).kind is OutcomeKind.UNRESOLVED


@pytest.mark.parametrize("answer", GARBLED)
def test_unreadable_answer_to_a_question_is_an_error(answer: dict[str, Any]) -> None:
    with pytest.raises(GatewayError):
        PaperGateway(Garbling(answer)).positions()


CHILD = """
import sys
from decimal import Decimal
from pathlib import Path
from market.enums import Side
from execution.gateways.paper.gateway import PaperGateway
from execution.gateways.paper.transports import LocalTransport
from execution.gateways.reports import OrderRequest
from tests.execution.venue.world import close_journals, make_service
service = make_service(Path(sys.argv[1]))
service.handle({"op": "open", "accounts": {"A": {}}})
gateway = PaperGateway(LocalTransport(service))
gateway.connect()
for reference in ("o1", "o2"):
    gateway.submit(OrderRequest(reference, "A", "FLAT", Side.BUY, Decimal(100)))
close_journals()
print("survived")
"""


@pytest.mark.parametrize(
    ("crash_at", "transmitted"),
    [("before_socket_write", 0), ("after_socket_write", 1), ("after_reply", 1), ("before_socket_write:2", 1), ("after_socket_write:2", 2)],
)
def test_crash_point_kills_at_the_named_passage(tmp_path: Path, crash_at: str, transmitted: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(tmp_path / "j")],
        cwd=ROOT,
        env={**os.environ, "MAMWEB_CRASH_AT": crash_at},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (137, "")
    assert read_oracle(tmp_path / "j").transmissions.total() == transmitted


def test_crash_points_are_silent_when_unset(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "MAMWEB_CRASH_AT"}
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(tmp_path / "j")], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "survived\n"), done.stderr
