"""REC-7: typed adjustments, never overwriting."""

from collections import defaultdict
from decimal import Decimal

import pytest

from reconciliation.core.resolution import ALLOWED, SUSPENSE, WITHOUT_POSTINGS, Posting, UnableToAdjust, adjust
from reconciliation.enums import AdjustmentKind, BreakType

from ..scene import cash, fee, position, run, trade

WHO = {"reason": "broker confirmed", "evidence": ("mail-17",), "requested_by": "ops", "approved_by": "head"}
CASH = run({"cash_td": [cash("A", 0)]}, {"cash_td": [cash("A", 200)]}).breaks[0]
EXTRA = run({}, {"trades": [trade("A", "XYZ", 100, "50", "e")]}).breaks[0]
MISSING = run({"trades": [trade("A", "XYZ", 100, "50", "e")]}, {}).breaks[0]
MORE = run({"trades": [trade("A", "XYZ", 100, "50", "e")]}, {"trades": [trade("A", "XYZ", 90, "50", "e")]}).breaks[0]
PRICE = run({"trades": [trade("A", "XYZ", 100, "50", "e")]}, {"trades": [trade("A", "XYZ", 100, "60", "e")]}).breaks[0]
HELD = run({"positions": [position("A", "XYZ", 1, "50")]}, {"positions": [position("A", "XYZ", 3, "50")]}).breaks[0]
FEE = run({}, {"fees": [fee("A", "-12.50")]}).breaks[0]


def legs(found, kind) -> list[tuple[str, Decimal]]:
    return [(leg.unit, leg.amount) for leg in adjust(found, kind, **WHO).postings if leg.account != SUSPENSE]


@pytest.mark.parametrize(
    ("found", "kind", "expected"),
    [
        (CASH, "CASH", [("USD", Decimal(200))]),
        (FEE, "FEE", [("USD", Decimal("-12.5"))]),
        (EXTRA, "BOOK_FILL", [("XYZ", Decimal(100)), ("USD", Decimal(-5000))]),
        (MISSING, "BUST_FILL", [("XYZ", Decimal(-100)), ("USD", Decimal(5000))]),
        (MORE, "CORRECT_FILL", [("XYZ", Decimal(-10)), ("USD", Decimal(500))]),
        (PRICE, "CORRECT_FILL", [("USD", Decimal(-1000))]),
        (HELD, "TRANSFER", [("XYZ", Decimal(2))]),
        (HELD, "CUSTODIAN_CORRECTION", []),
    ],
)
def test_rec_7_an_adjustment_posts_what_makes_the_books_agree_and_sums_to_zero(found, kind, expected):
    adjustment = adjust(found, AdjustmentKind(kind), **WHO)
    assert legs(found, AdjustmentKind(kind)) == expected
    sums = defaultdict(Decimal)
    for leg in adjustment.postings:
        sums[leg.unit] += leg.amount
    assert not any(sums.values())
    assert adjustment.break_key == found.key


def test_rec_7_every_break_type_has_its_own_kinds_and_the_custodian_may_be_wrong():
    assert set(ALLOWED) == set(BreakType)
    assert all(AdjustmentKind.CUSTODIAN_CORRECTION in kinds and len(kinds) > 1 for kinds in ALLOWED.values())
    assert {kind for kinds in ALLOWED.values() for kind in kinds} == set(AdjustmentKind)
    assert adjust(CASH, AdjustmentKind.CASH, **WHO).postings[0] == Posting("A", "USD", Decimal("200.00"))
    assert AdjustmentKind.SYMBOL_REMAP in WITHOUT_POSTINGS


@pytest.mark.parametrize(
    ("found", "kind", "changes", "code"),
    [
        (CASH, "BOOK_FILL", {}, "KIND_NOT_ALLOWED"),
        (MISSING, "BOOK_FILL", {}, "KIND_NOT_ALLOWED"),
        (HELD, "BOOK_FILL", {}, "NO_FILL"),
        (CASH, "CASH", {"reason": " "}, "NO_REASON"),
        (CASH, "CASH", {"evidence": ()}, "NO_EVIDENCE"),
        (CASH, "CASH", {"evidence": ("",)}, "NO_EVIDENCE"),
        (CASH, "CASH", {"approved_by": "ops"}, "SAME_PERSON"),
    ],
)
def test_rec_7_reason_evidence_and_a_second_person_are_mandatory(found, kind, changes, code):
    with pytest.raises(UnableToAdjust) as caught:
        adjust(found, AdjustmentKind(kind), **{**WHO, **changes})
    assert caught.value.code == code
