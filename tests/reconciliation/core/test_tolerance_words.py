"""Every rule that makes a break says what it measured by, and the words follow the figures."""

from __future__ import annotations

from fractions import Fraction

import pytest

from reconciliation.core.materiality import Tolerances
from reconciliation.core.tolerance_words import tolerance_words


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("REC-2", "0.05% of equity"),
        ("REC-2 summed", "0.05% of equity, summed"),
        ("REC-2 logged", "none"),
        ("REC-3", "1% of the fee, at least 1"),
        ("REC-4", "until its date"),
        ("CON-5", ""),
        ("", ""),
    ],
)
def test_rec_2_3_4_the_tolerance_of_each_rule_in_words(rule: str, words: str) -> None:
    shown, why = tolerance_words(rule, Tolerances())
    assert shown == words and why


def test_other_tolerances_are_other_words() -> None:
    other = Tolerances(Fraction(1, 1000), Fraction(5, 2), Fraction(2, 100))
    assert tolerance_words("REC-2", other)[0] == "0.1% of equity" and tolerance_words("REC-3", other)[0] == "2% of the fee, at least 2.5"
