"""P9: the sizing core for 10,000 accounts × 50 instruments, beside PyPortfolioOpt's greedy DiscreteAllocation for the same targets.

Run `python -m bench.sizing` from the root. The peer is measured where PyPortfolioOpt is installed, on fewer accounts, stated per 1,000.
"""

from __future__ import annotations

import importlib
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from allocation.core.request import Limits, SizingRequest
from allocation.core.scales import UNIT
from allocation.core.sizing import size
from allocation.enums import Rounding, SizingMethod

ACCOUNTS, INSTRUMENTS, PEER_ACCOUNTS = 10_000, 50, 20


def request(accounts: int = ACCOUNTS, instruments: int = INSTRUMENTS, **more: Any) -> SizingRequest:
    """Return a basket with positions, three currencies, caps, long-only, buying power and minimum notional, from a fixed seed."""
    rng = np.random.default_rng(9)
    n, m = accounts, instruments
    price = rng.integers(500, 90_000, m) * 10**6
    num = np.broadcast_to(np.array([[10_000], [10_850], [12_716]]), (3, m))
    equity = rng.integers(1_000_000, 500_000_000, n)
    limits = Limits(
        long_only=np.ones((1, 1), dtype=np.int64), buying_power=equity // 2, restricted=(rng.random((1, m)) < 0.05).astype(np.int64)
    )
    return SizingRequest(
        method=SizingMethod.TARGET_WEIGHT,
        amount=rng.integers(UNIT // 200, UNIT // 25, (1, m)),
        account_ids=[f"account-{i:06d}" for i in range(n)],
        instrument_ids=[f"instrument-{j}" for j in range(m)],
        block_ids=[f"block-{j}" for j in range(m)],
        currency=rng.integers(0, 3, n),
        currency_exponent=np.array([2, 2, 2]),
        equity=equity,
        price=price,
        multiplier=np.full(m, UNIT),
        lot_step=np.full(m, UNIT),
        fx_num=num,
        fx_den=np.full((3, m), 10_000),
        position=rng.integers(0, 40, (n, m)) * UNIT,
        class_cap=rng.integers(UNIT // 50, UNIT // 10, (n, 1)),
        min_notional=np.full(m, 50 * UNIT),
        limits=limits,
        **more,
    )


def rows() -> list[dict[str, Any]]:
    """Return the measurements: id, what, n, ours_ms (median), and the peer's figure where it could be measured."""
    floor = {"id": "P9", "what": "sizing core, floor, caps, buying power, minimum", "n": f"{ACCOUNTS} x {INSTRUMENTS}", "goal_ms": 50.0}
    floor["ours_ms"] = median_ms(partial(size, request(trace=False)))
    floor["ours_traced_ms"] = median_ms(partial(size, request()))
    shared = {"id": "P9", "what": "the same, largest remainder over all accounts", "n": f"{ACCOUNTS} x {INSTRUMENTS}"}
    shared["ours_ms"] = median_ms(partial(size, request(trace=False, rounding=Rounding.LARGEST_REMAINDER)))
    peer = _peer_ms(request(PEER_ACCOUNTS))
    if peer is not None:
        floor["peer"] = "PyPortfolioOpt 1.6.0 greedy DiscreteAllocation"
        floor["peer_ms_per_1000_accounts"] = peer * 1000 / PEER_ACCOUNTS
        floor["ours_ms_per_1000_accounts"] = floor["ours_ms"] * 1000 / ACCOUNTS
    return [floor, shared]


def median_ms(run: Callable[[], object], repeats: int = 9) -> float:
    """Return the median wall time of `repeats` runs after one warm-up, in milliseconds."""
    run()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times)


def _peer_ms(basket: SizingRequest) -> float | None:
    """Return the peer's time for the basket's accounts one after the other, or None where it is not installed."""
    try:
        allocation = importlib.import_module("pypfopt.discrete_allocation")
        pandas = importlib.import_module("pandas")
    except ImportError:
        return None
    names = list(basket.instrument_ids)
    prices = pandas.Series(basket.price / UNIT, index=names)
    weights = dict(zip(names, (basket.amount[0] / basket.amount.sum()).tolist(), strict=True))

    def run() -> None:
        for money in basket.equity.tolist():
            allocation.DiscreteAllocation(weights, prices, total_portfolio_value=money / 100).greedy_portfolio()

    return median_ms(run, repeats=5)


if __name__ == "__main__":
    for row in rows():
        print(row)
