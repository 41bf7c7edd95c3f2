"""P9: the sizing core for 10,000 accounts × 50 instruments, beside PyPortfolioOpt's greedy DiscreteAllocation for the same targets.

The peer takes one account after the other, so it is measured on few of them.
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
from allocation.enums import SizingMethod

ACCOUNTS, INSTRUMENTS, PEER_ACCOUNTS, REPEATS = 10_000, 50, 20, 9


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
    """Return P9: the basket as one call of ours, and the peer's time for as many accounts, from the accounts it was measured on.

    Raises ImportError where PyPortfolioOpt is not installed (requirements-bench.txt).
    """
    basket = request(trace=False)
    ours, bare = median_ms(partial(size, basket)), median_ms(partial(bare_numpy, basket))
    traced = median_ms(partial(size, request()))
    peer = _peer_ms(request(PEER_ACCOUNTS)) / PEER_ACCOUNTS * ACCOUNTS
    what = (
        f"sizing {ACCOUNTS:,} × {INSTRUMENTS} with caps, buying power and minimum (traced {traced:.0f} ms; bare numpy floats {bare:.0f} ms); "
        f"floor = PyPortfolioOpt's greedy DiscreteAllocation for as many accounts, from {PEER_ACCOUNTS} of them"
    )
    return [{"id": "P9", "what": what, "ours_ms": ours, "floor_ms": peer, "ratio": peer / ours, "better": "higher", "n": REPEATS}]


def bare_numpy(basket: SizingRequest) -> np.ndarray:
    """Size the basket in float64 and nothing more: the floor."""
    assert basket.class_cap is not None and basket.position is not None
    assert basket.limits.restricted is not None and basket.limits.buying_power is not None
    rate = (basket.fx_num / basket.fx_den)[basket.currency]
    price, position = basket.price / UNIT, basket.position / UNIT
    wish = np.minimum(basket.amount, basket.class_cap) / UNIT * (basket.equity[:, None] / 100) * rate / price - position
    lots = np.maximum(np.sign(wish) * np.floor(np.abs(wish)), -position)
    lots = np.where(basket.limits.restricted != 0, np.minimum(lots, 0), lots)
    need = (np.maximum(lots, 0) * (price / rate)).sum(axis=1)
    scale = np.minimum(1, basket.limits.buying_power / 100 / np.maximum(need, 1e-9))
    lots = np.where(lots > 0, np.floor(lots * scale[:, None]), lots)
    return np.where(np.abs(lots) * price < 50, 0, lots).astype(np.int64)


def median_ms(run: Callable[[], object], repeats: int = REPEATS) -> float:
    """Return the median wall time of `repeats` runs after one warm-up, in milliseconds."""
    run()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times)


def _peer_ms(basket: SizingRequest) -> float:
    """Return the peer's time for the basket's accounts one after the other."""
    allocation = importlib.import_module("pypfopt.discrete_allocation")
    pandas = importlib.import_module("pandas")
    names = list(basket.instrument_ids)
    prices = pandas.Series(basket.price / UNIT, index=names)
    weights = dict(zip(names, (basket.amount[0] / basket.amount.sum()).tolist(), strict=True))

    def run() -> None:
        for money in basket.equity.tolist():
            allocation.DiscreteAllocation(weights, prices, total_portfolio_value=money / 100).greedy_portfolio()

    return median_ms(run, repeats=5)
