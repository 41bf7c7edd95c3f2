"""Turns of the rotation (RTE-4): drawn from the seed and each account's code alone."""

from __future__ import annotations

import numpy as np

from execution.services.planning import _padded, _turns


def turns(codes: list[str], seed: str) -> list[int]:
    return [int(turn) for turn in _turns(_padded(np.array(codes, np.object_)), seed)]


def test_rte_4_a_turn_does_not_depend_on_who_stands_beside() -> None:
    codes = ["A1", "A2", "Müller-Weiß", "G" * 40]
    together = turns(codes, "seed")
    assert together == [turns([code], "seed")[0] for code in codes]
    assert len(set(together)) == len(codes)


def test_rte_4_another_seed_another_order_and_nobody_is_always_first() -> None:
    codes = [f"A{number}" for number in range(8)]
    first = {codes[int(np.argmin(np.array(turns(codes, f"seed {number}"), np.uint64)))] for number in range(100)}
    assert first == set(codes)


def test_rte_4_nobody_has_no_turn() -> None:
    assert turns([], "seed") == []
