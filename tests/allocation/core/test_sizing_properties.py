"""CON-1, CON-2, CST-1, I8: sizing against a slow reference in exact fractions, and its properties."""

import hashlib
from dataclasses import replace
from fractions import Fraction as F
from math import floor

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from allocation.core.ratios import Coefficients, evaluate, muldiv_floor
from allocation.core.request import Limits, SizingRequest
from allocation.core.scales import UNIT
from allocation.core.sizing import size
from allocation.enums import Rounding, SizingMethod

ROUNDINGS = st.sampled_from(list(Rounding))
ROUND_PRICES = st.sampled_from([1, 2, 4, 5, 10, 47, 100]).map(lambda p: p * UNIT)
PRICES = ROUND_PRICES | st.integers(UNIT, 10**13)
RATES = st.sampled_from([(1, 1), (217, 200), (150, 1), (2, 3), (10**9 + 7, 10**9 + 9), (10**12 + 39, 10**11 + 3)])
EQUITY = st.sampled_from([10**5, 10**7, 25_000_000]) | st.integers(1, 10**8)
WEIGHTS = st.sampled_from([0, UNIT // 10, -UNIT // 10, UNIT // 50]) | st.integers(-UNIT, UNIT)


@st.composite
def baskets(draw, method=SizingMethod.TARGET_WEIGHT):
    n, m, c = draw(st.integers(1, 6)), draw(st.integers(1, 3)), 2
    step = [draw(st.sampled_from([UNIT, UNIT // 100, 10 * UNIT, UNIT // 1000])) for _ in range(m)]
    price = [draw(PRICES) for _ in range(m)]

    def cells(values):
        return np.array([[draw(values) for _ in range(m)] for _ in range(n)], dtype=np.int64)

    rates = [[draw(RATES) for _ in range(m)] for _ in range(c)]
    around = st.integers(-50, 50).map(lambda q: q * UNIT) | st.integers(-(10**10), 10**10)
    block = st.integers(-2000, 2000).map(lambda q: q * UNIT)
    amount = np.array([[draw(WEIGHTS if method is SizingMethod.TARGET_WEIGHT else block) for _ in range(m)]], dtype=np.int64)
    equity = np.array([draw(EQUITY) for _ in range(n)])
    return SizingRequest(
        method=method,
        amount=amount,
        account_ids=[f"acct-{i}" for i in range(n)],
        instrument_ids=[f"I{j}" for j in range(m)],
        block_ids=[f"B{j}" for j in range(m)],
        currency=np.array([draw(st.integers(0, c - 1)) for _ in range(n)]),
        currency_exponent=np.array([2, draw(st.sampled_from([2, 8]))]),
        equity=equity,
        price=np.array(price),
        multiplier=np.array([draw(st.sampled_from([UNIT, UNIT // 10, 100 * UNIT])) for _ in range(m)]),
        lot_step=np.array(step),
        fx_num=np.array([[r[0] for r in row] for row in rates]),
        fx_den=np.array([[r[1] for r in row] for row in rates]),
        position=cells(around) if draw(st.booleans()) else None,
        open_buy=cells(st.integers(0, 5).map(lambda q: q * UNIT)) if draw(st.booleans()) else None,
        class_cap=np.array([[draw(st.sampled_from([UNIT // 50, UNIT // 10, UNIT]))] for _ in range(n)]) if draw(st.booleans()) else None,
        min_quantity=np.array([draw(st.integers(0, 5)) * UNIT for _ in range(m)]) if draw(st.booleans()) else None,
        rounding=draw(ROUNDINGS),
        limits=Limits(
            long_only=np.array([[draw(st.integers(0, 1))]]),
            restricted=cells(st.sampled_from([0, 0, 0, 1, 2])) if draw(st.booleans()) else None,
            adv=cells(st.integers(0, 10**11)) if draw(st.booleans()) else None,
            buying_power=(equity // draw(st.sampled_from([1, 3, 10]))) if draw(st.booleans()) else None,
        ),
    )


class Reference:
    """The rules again, one account at a time, in fractions."""

    def __init__(self, r: SizingRequest) -> None:
        self.r, (self.n, self.m) = r, r.shape
        self.cap = np.full((self.n, 1), 10**18) if r.class_cap is None else r.class_cap

    def at(self, array, i, j):
        return 0 if array is None else int(np.broadcast_to(array, (self.n, self.m))[i, j])

    def per_lot(self, i, j):
        """Minor units of the account's currency per lot."""
        r, c = self.r, int(self.r.currency[i])
        lot = F(int(r.price[j]) * int(r.multiplier[j]) * int(r.lot_step[j]), UNIT**3)
        return lot * F(int(r.fx_den[c, j]), int(r.fx_num[c, j])) * 10 ** int(r.currency_exponent[c])

    def net(self, i, j):
        r = self.r
        return F(self.at(r.position, i, j) + self.at(r.open_buy, i, j), int(r.lot_step[j]))

    def wish(self, i, j):
        """The order in lots, and the weight it aims at (None for a share of a block)."""
        r = self.r
        if r.method is SizingMethod.TARGET_WEIGHT:
            w = int(r.amount[0, j])
            w = (1 if w > 0 else -1) * min(abs(w), int(self.cap[i, 0]))
            return F(w * int(r.equity[i]), UNIT) / self.per_lot(i, j) - self.net(i, j), w
        block = int(r.amount[0, j])
        lots = abs(block) // int(r.lot_step[j]) * (1 if block > 0 else -1)
        weights = [int(r.equity[k]) / (self.per_lot(k, j)) for k in range(self.n)]
        return lots * weights[i] / sum(weights), None

    def cap_room(self, i, j, sign):
        top = F(int(self.cap[i, 0]) * int(self.r.equity[i]), UNIT) / self.per_lot(i, j) - sign * self.net(i, j)
        return max(floor(top), 0)

    def cell(self, i, j):
        r = self.r
        exact, weight = self.wish(i, j)
        sign = (exact > 0) - (exact < 0)
        size_, position, step = abs(exact), self.at(r.position, i, j), int(r.lot_step[j])
        opposing = sign * position < 0
        working = self.at(r.open_buy, i, j) if position < 0 else 0
        free_qty = max(abs(position) - working, 0) if opposing else 0
        free = free_qty // step
        closing = weight == 0
        reduces = opposing and (weight * position >= 0 if weight is not None else floor(size_) <= free)
        lots = floor(size_)
        if reduces and weight is not None and not closing and size_ - lots >= F(1, 2):
            lots += 1
        limit = 10**30
        state = self.at(r.limits.restricted, i, j)
        bounds = []
        bounds += [free] if state == 1 else [0] if state == 2 else []
        bounds += [free] if reduces else []
        if self.at(r.limits.long_only, i, j) and sign < 0:
            bounds.append(max(position, 0) // step)
        if weight is None and r.class_cap is not None:
            bounds.append(max(self.cap_room(i, j, sign), free))
        mandate = limit if r.limits.adv is None else max(self.at(r.limits.adv, i, j) // step, free)
        lots = min([lots, *bounds])
        limit = min([limit, mandate, *bounds])
        whole = lots
        part = size_ - floor(size_)
        open_to_rounding = (weight is None or not reduces) and whole == floor(size_) < limit and part > 0
        lift = open_to_rounding and (r.class_cap is None or lots + 1 <= max(self.cap_room(i, j, sign), free))
        full = closing and reduces and state != 2 and free_qty > 0
        return {
            "sign": sign,
            "lots": lots,
            "free": free,
            "free_qty": free_qty,
            "part": part,
            "pool": open_to_rounding,
            "lift": lift,
            "full": full,
            "mandate": mandate,
        }

    def run(self):
        r = self.r
        cells = [[self.cell(i, j) for j in range(self.m)] for i in range(self.n)]
        rounding = r.rounding_used
        for j in range(self.m):
            for side in (1, -1):
                pool = [i for i in range(self.n) if cells[i][j]["sign"] == side and cells[i][j]["pool"]]
                if rounding is Rounding.NEAREST:
                    lifted = [i for i in pool if cells[i][j]["lift"] and cells[i][j]["part"] >= F(1, 2)]
                elif rounding is Rounding.LARGEST_REMAINDER:
                    spare = floor(sum((cells[i][j]["part"] for i in pool), F(0)))
                    takers = [i for i in pool if cells[i][j]["lift"]]
                    takers.sort(key=lambda i, j=j: (-cells[i][j]["part"], -cells[i][j]["lots"], self.tie(i, j)))
                    lifted = takers[:spare]
                else:
                    lifted = []
                for i in lifted:
                    cells[i][j]["lots"] += 1
        return [[self.finish(cells[i], i, j) for j in range(self.m)] for i in range(self.n)]

    def tie(self, i, j):
        return hashlib.sha256(f"{self.r.block_ids[j]}|{self.r.account_ids[i]}".encode()).hexdigest()

    def finish(self, row, i, j):
        r, cell = self.r, row[j]
        step = int(r.lot_step[j])
        lots = cell["lots"]
        if r.limits.buying_power is not None:
            opening = [c["lots"] - min(c["lots"], c["free"]) for c in row]
            need = sum(q * self.per_lot(i, k) for k, q in enumerate(opening))
            room = int(r.limits.buying_power[i])
            if need > room:
                lots = min(lots, cell["free"]) + floor(opening[j] * F(room) / need)
        lots = min(lots, cell["mandate"])
        full = cell["full"] and lots == cell["free"]
        if r.min_quantity is not None and not full and lots < -(-int(r.min_quantity[j]) // step):
            lots = 0
        residue = cell["free_qty"] - lots * step if full else 0
        return cell["sign"] * (lots * step + residue)


@given(request=baskets())
@settings(max_examples=300, deadline=None)
def test_siz_1_to_5_targets_equal_the_reference_in_fractions(request):
    assert size(request).quantity.tolist() == Reference(request).run()


@given(request=baskets(SizingMethod.EQUITY))
@settings(max_examples=200, deadline=None)
def test_siz_4_blocks_equal_the_reference_in_fractions(request):
    assert size(request).quantity.tolist() == Reference(request).run()


@given(request=baskets(SizingMethod.EQUITY) | baskets(SizingMethod.EQUAL))
@settings(max_examples=60, deadline=None)
def test_con_2_an_unlimited_block_keeps_its_total(request):
    plain = replace(
        request, rounding=None, limits=Limits(), class_cap=None, min_quantity=None, position=None, open_buy=None, open_sell=None
    )
    whole = np.sign(request.amount) * (np.abs(request.amount) // request.lot_step)
    assert size(plain).lots.sum(axis=0).tolist() == whole[0].tolist()


@given(request=baskets() | baskets(SizingMethod.EQUITY), data=st.data())
@settings(max_examples=60, deadline=None)
def test_i8_order_of_accounts_changes_nothing(request, data):
    n = request.shape[0]
    order = np.array(data.draw(st.permutations(range(n))))

    def shuffle(value):
        return value[order] if isinstance(value, np.ndarray) and n > 1 and len(value) == n and value.shape[0] == n else value

    per_account = ("currency", "equity", "position", "open_buy", "class_cap")
    limits = replace(request.limits, **{k: shuffle(getattr(request.limits, k)) for k in ("restricted", "adv", "buying_power")})
    moved = replace(
        request,
        **{k: shuffle(getattr(request, k)) for k in per_account},
        account_ids=[request.account_ids[i] for i in order],
        limits=limits,
    )
    first, second = size(request), size(moved)
    for name in ("quantity", "raw", "wish", "binding", "reason"):
        assert getattr(first, name)[order].tolist() == getattr(second, name).tolist()
    assert [rule for rule, _ in first.stages] == [rule for rule, _ in second.stages]


@given(request=baskets(), share=st.integers(0, UNIT))
@settings(max_examples=60, deadline=None)
def test_siz_8_closes_never_flip_or_exceed_the_position(request, share):
    for method, amount in ((SizingMethod.CLOSE, share), (SizingMethod.PERCENT_CHANGE, -share)):
        quantity = size(replace(request, method=method, amount=np.array([[amount]]), min_quantity=None)).quantity
        position = np.zeros_like(quantity) if request.position is None else request.position
        assert ((quantity == 0) | (np.sign(quantity) == -np.sign(position))).all()
        assert (np.abs(quantity) <= np.abs(position)).all()


def test_i8_a_large_basket_in_parts_equals_its_accounts_one_by_one():
    rng = np.random.default_rng(4)
    n, m = 3000, 20
    base = {
        "method": SizingMethod.TARGET_WEIGHT,
        "amount": rng.integers(0, UNIT // 10, (1, m)),
        "instrument_ids": [f"I{j}" for j in range(m)],
        "block_ids": [f"B{j}" for j in range(m)],
        "currency_exponent": np.array([2]),
        "price": rng.integers(1, 500, m) * UNIT,
        "multiplier": np.full(m, UNIT),
        "lot_step": np.full(m, UNIT),
        "fx_num": np.ones((1, m), dtype=np.int64),
        "fx_den": np.ones((1, m), dtype=np.int64),
        "min_notional": np.full(m, 500 * UNIT),
    }
    equity, position = rng.integers(10**5, 10**9, n), rng.integers(-5, 20, (n, m)) * UNIT
    ids = [f"a{i}" for i in range(n)]

    def part(rows):
        return size(
            SizingRequest(
                **base,
                account_ids=[ids[i] for i in rows],
                currency=np.zeros(len(rows), dtype=np.int64),
                equity=equity[rows],
                position=position[rows],
                limits=Limits(buying_power=equity[rows] // 4),
            )
        )

    whole = part(np.arange(n))
    for i in (0, 1, 1999, 2000, 2999):
        alone = part(np.array([i]))
        assert whole.lots[i].tolist() == alone.lots[0].tolist()
        assert [s[1][i].tolist() for s in whole.stages] == [s[1][0].tolist() for s in alone.stages]


@given(
    left=st.integers(-(10**12), 10**12),
    right=st.integers(0, 10**15),
    ratio=st.fractions(min_value=0, max_value=F(1, 10**16), max_denominator=10**30),
    net=st.integers(-(10**14), 10**14),
)
@settings(max_examples=200, deadline=None)
def test_con_1_the_exact_floor_is_the_floor_of_the_fraction(left, right, ratio, net):
    step = 10**6
    table = Coefficients.build([[ratio]], [step], [True])
    one = (np.array([0]),)
    cells = evaluate(table, one, np.array([[left]]), np.array([[right]]), np.array([[net]]))
    exact = left * right * ratio - F(net, step)
    assert int(cells.sign[0, 0]) == (exact > 0) - (exact < 0)
    assert int(cells.floor[0, 0]) == floor(abs(exact))
    assert bool(cells.half[0, 0]) == (abs(exact) - floor(abs(exact)) >= F(1, 2))


@given(a=st.integers(0, 2**62), b=st.integers(0, 2**31), d=st.integers(1, 2**62))
@settings(max_examples=100, deadline=None)
def test_con_1_multiply_first_divide_last(a, b, d):
    if a * b // d < 2**63:
        assert muldiv_floor(np.array([a]), np.array([b]), np.array([d])).tolist() == [a * b // d]
