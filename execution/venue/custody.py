"""The custodian's own books: positions, cash by trade date and settled, trades and fees per account.

Entry points: `Custody` with `book`, `cancel_trade`, `transfer`, `charge`, `allocate`, `plant`, and the readers `positions`, `cash`,
`trades`, `fees`.

Invariants:
1. Cash by trade date = transfers + Σ trade amounts − Σ fees; settled cash = that less what settles later. Planted breaks are the only
   exception.
2. A block's allocation moves exactly what was bought or sold: quantity never exceeds what is unallocated, and the last share takes
   amount and fee to zero. A block's trades count at their exact amounts; what rounding its shares to minor units leaves of them, less
   than one such unit, goes with the last share.
3. An allocation id is carried out once; its repetition is confirmed, not repeated.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

from base.core.money import minor_unit

Key = tuple[str, str]
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class CustodyTrade:
    """A trade as booked. `amount`: signed cash before the fee, negative for a purchase; `fee` ≥ 0 is charged besides."""

    trade_id: str
    account: str
    symbol: str
    side: str
    quantity: Decimal
    price: Decimal
    amount: Decimal
    fee: Decimal
    currency: str
    trade_date: date
    settle_date: date
    client_order_id: str = ""

    @property
    def signed_quantity(self) -> Decimal:
        return self.quantity if self.side == "BUY" else -self.quantity


@dataclass(frozen=True, slots=True)
class Fee:
    """A charge that belongs to no trade."""

    fee_id: str
    account: str
    currency: str
    amount: Decimal
    fee_date: date
    text: str


@dataclass(frozen=True, slots=True)
class Share:
    """One account's part of a block: quantity, signed cash before the fee, fee."""

    account: str
    quantity: Decimal
    amount: Decimal
    fee: Decimal


class Custody:
    """Books of all accounts. Raises KeyError for an account that was never opened."""

    def __init__(self, market_days: Sequence[date], block_accounts: frozenset[str]) -> None:
        self._market_days = market_days
        self._block_accounts = block_accounts
        self.accounts: set[str] = set(block_accounts)
        self._positions: defaultdict[Key, Decimal] = defaultdict(Decimal)
        self._cash: defaultdict[Key, Decimal] = defaultdict(Decimal)
        self._later: defaultdict[Key, dict[date, Decimal]] = defaultdict(dict)
        self._trades: dict[str, CustodyTrade] = {}
        self._missing: set[str] = set()
        self._fees: list[Fee] = []
        self._tallies: defaultdict[tuple[str, str, str, date], tuple[Decimal, Decimal, Decimal]] = defaultdict(lambda: (ZERO, ZERO, ZERO))
        self._allocations: dict[str, tuple[Share, ...]] = {}

    def is_block(self, account: str) -> bool:
        """Say whether the account's trades may be given up to others."""
        return account in self._block_accounts

    def settle_date(self, trade_date: date, days: int) -> date:
        """Return the market day `days` after `trade_date`; beyond the table weekdays count."""
        index = bisect_left(self._market_days, trade_date) + days
        if self._market_days and index < len(self._market_days):
            return self._market_days[index]
        day = trade_date
        while days:
            day += timedelta(days=1)
            days -= day.weekday() < 5
        return day

    def transfer(self, account: str, cash: dict[str, Decimal], positions: dict[str, Decimal]) -> None:
        """Open the account if it is new, and add cash (settled at once) and positions."""
        self.accounts.add(account)
        for currency, amount in cash.items():
            self._cash[account, currency] += amount
        for symbol, quantity in positions.items():
            self._positions[account, symbol] += quantity

    def book(self, trade: CustodyTrade) -> None:
        """Book a trade with its fee."""
        self._trades[trade.trade_id] = trade
        self._apply(trade, +1)
        self._count(trade, +1)

    def cancel_trade(self, trade_id: str) -> CustodyTrade:
        """Take a trade off the books and return it."""
        trade = self._trades.pop(trade_id)
        self._count(trade, -1)
        if trade_id in self._missing:
            self._missing.discard(trade_id)
        else:
            self._apply(trade, -1)
        return trade

    def charge(self, fee: Fee) -> None:
        """Take a fee from the account's cash at once."""
        self._fees.append(fee)
        self._cash[fee.account, fee.currency] -= fee.amount

    def unallocated(self, block: str, symbol: str, side: str, trade_date: date) -> tuple[Decimal, Decimal, Decimal]:
        """Return (quantity, amount, fee) of the block's trades of the day, side and symbol that no account has taken over."""
        return self._tallies[block, symbol, side, trade_date]

    def knows_allocation(self, allocation_id: str) -> bool:
        """Say whether this allocation has been carried out."""
        return allocation_id in self._allocations

    def allocate(self, instruction: CustodyTrade, shares: tuple[Share, ...], multiplier: Decimal) -> str:
        """Give up a block's trades to accounts; return "" or the reason of the refusal.

        instruction: whose `trade_id` is the allocation's id, whose account, symbol, side and trade date name the block's trades.
        Each share becomes a trade of its account and a counter-entry (negative quantity) among the block's trades.
        """
        known = self._allocations.get(instruction.trade_id)
        if known is not None:
            return "" if known == shares else "ID_REUSED"
        if instruction.account not in self._block_accounts:
            return "NOT_A_BLOCK_ACCOUNT"
        if not shares or any(not self._is_sound(share, instruction.account) for share in shares):
            return "BAD_SHARE"
        if len({share.account for share in shares}) != len(shares):
            return "BAD_SHARE"
        quantity, amount, fee = self.unallocated(instruction.account, instruction.symbol, instruction.side, instruction.trade_date)
        given = sum((share.quantity for share in shares), ZERO)
        if given > quantity:
            return "MORE_THAN_UNALLOCATED"
        rest = amount - sum((s.amount for s in shares), ZERO) if given == quantity else ZERO
        if given == quantity and (sum((s.fee for s in shares), ZERO) != fee or not _is_rounding(rest, instruction.currency)):
            return "AMOUNT_MISMATCH"
        for number, share in enumerate(shares, start=1):
            self._give_up(instruction, share, multiplier, rest if number == len(shares) else ZERO)
        self._allocations[instruction.trade_id] = shares
        return ""

    def plant(self, what: str, account: str, key: str, delta: Decimal) -> str:
        """Falsify the books for a test; return "" or the reason of the refusal.

        what: `position` (key = symbol), `cash` (key = currency), or `missing_trade` (key = trade id: as if the custodian had never
        booked it).
        """
        if what == "position":
            self._positions[account, key] += delta
        elif what == "cash":
            self._cash[account, key] += delta
        elif what == "missing_trade" and key in self._trades and key not in self._missing:
            self._apply(self._trades[key], -1)
            self._missing.add(key)
        else:
            return "NOTHING_TO_PLANT"
        return ""

    def positions(self, account: str = "") -> list[tuple[str, str, Decimal]]:
        """Return (account, symbol, quantity) of positions that are not zero, sorted."""
        return sorted((a, s, q) for (a, s), q in self._positions.items() if q and account in ("", a))

    def cash(self, account: str, today: date) -> list[tuple[str, str, Decimal, Decimal]]:
        """Return (account, currency, by trade date, settled as of `today`), sorted."""
        rows = []
        for (owner, currency), total in self._cash.items():
            if account in ("", owner):
                later = sum((amount for day, amount in self._later[owner, currency].items() if day > today), ZERO)
                rows.append((owner, currency, total, total - later))
        return sorted(rows)

    def trades(self, trade_date: date) -> list[CustodyTrade]:
        """Return the day's trades in the sequence of their booking."""
        return [t for t in self._trades.values() if t.trade_date == trade_date and t.trade_id not in self._missing]

    def fees(self, fee_date: date) -> list[Fee]:
        """Return the day's charges: commissions named by their trade, then other fees."""
        commissions = [
            Fee(f"C-{t.trade_id}", t.account, t.currency, t.fee, t.trade_date, "commission") for t in self.trades(fee_date) if t.fee
        ]
        return commissions + [fee for fee in self._fees if fee.fee_date == fee_date]

    def _is_sound(self, share: Share, block: str) -> bool:
        return share.account in self.accounts and share.account != block and share.quantity > 0

    def _give_up(self, instruction: CustodyTrade, share: Share, multiplier: Decimal, rest: Decimal) -> None:
        """Book one share and its counter-entry; `rest`: what rounding the shares to minor units left of the block's exact amount."""
        price = abs(share.amount / share.quantity / multiplier).quantize(Decimal("1e-8"))
        trade_id = f"{instruction.trade_id}/{share.account}"
        taken = replace(
            instruction, trade_id=trade_id, account=share.account, quantity=share.quantity, price=price, amount=share.amount, fee=share.fee
        )
        given = replace(
            taken,
            trade_id=f"{trade_id}/OUT",
            account=instruction.account,
            quantity=-share.quantity,
            amount=-share.amount - rest,
            fee=-share.fee,
        )
        self.book(taken)
        self.book(given)

    def _apply(self, trade: CustodyTrade, sign: int) -> None:
        key = (trade.account, trade.currency)
        cash = sign * (trade.amount - trade.fee)
        self._positions[trade.account, trade.symbol] += sign * trade.signed_quantity
        self._cash[key] += cash
        later = self._later[key]
        later[trade.settle_date] = later.get(trade.settle_date, ZERO) + cash

    def _count(self, trade: CustodyTrade, sign: int) -> None:
        if trade.account in self._block_accounts:
            key = (trade.account, trade.symbol, trade.side, trade.trade_date)
            quantity, amount, fee = self._tallies[key]
            self._tallies[key] = (quantity + sign * trade.quantity, amount + sign * trade.amount, fee + sign * trade.fee)


def _is_rounding(rest: Decimal, currency: str) -> bool:
    """Say whether nothing is left, or only what rounding leaves of amounts finer than the minor unit."""
    unit = minor_unit(currency)
    return rest == 0 or (abs(rest) < unit and rest % unit != 0)
