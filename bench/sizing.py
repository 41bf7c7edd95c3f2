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
    """Return the measurements: id, what, n, ours_ms (median), the floor of bare numpy, and the peer's figure where it could be measured."""
    shape = f"{ACCOUNTS} x {INSTRUMENTS}"
    basket = request(trace=False)
    ours, bare = median_ms(partial(size, basket)), median_ms(partial(bare_numpy, basket))
    main: dict[str, Any] = {
        "id": "P9",
        "what": "sizing core: floor, caps, buying power, minimum",
        "n": shape,
        "ours_ms": ours,
        "goal_ms": 50.0,
        "floor": "the same in floats, without reasons, exactness or trace",
        "floor_ms": bare,
        "ratio_to_floor": ours / bare,
        "ours_traced_ms": median_ms(partial(size, request())),
    }
    peer = _peer_ms(request(PEER_ACCOUNTS))
    if peer is not None:
        main["peer"] = "PyPortfolioOpt 1.6.0 greedy DiscreteAllocation"
        main["peer_ms_per_1000_accounts"] = peer * 1000 / PEER_ACCOUNTS
        main["ours_ms_per_1000_accounts"] = ours * 1000 / ACCOUNTS
    shared = request(trace=False, rounding=Rounding.LARGEST_REMAINDER)
    what = "the same, largest remainder over all accounts"
    return [main, {"id": "P9", "what": what, "n": shape, "ours_ms": median_ms(partial(size, shared))}]


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
