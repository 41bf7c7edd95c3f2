"""Commands besides orders: accounts, halts, busts, allocations, planted breaks, restarts.

Entry point: `AdminDesk.action(op)`.
Invariant: every action reads and checks all it needs before it changes anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from base.core.ids import plain_decimal
from execution.venue.custody import CustodyTrade, Fee, Share
from execution.venue.executions import Execution

if TYPE_CHECKING:
    from execution.venue.engine import Venue

Command = Mapping[str, object]


class CommandRefused(ValueError):
    """A command that cannot be carried out; nothing was changed."""


class AdminDesk:
    """Carries out what the venue's and the custodian's own staff would do."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self.halted: set[str] = set()
        self.frozen: dict[str, int] = {}
        self._fee_count = 0
        self._actions: dict[str, Callable[[Command], None]] = {
            "advance": lambda command: None,
            "open": self._open,
            "halt": self._halt,
            "resume": self._halt,
            "freeze_quotes": self._freeze,
            "thaw_quotes": self._freeze,
            "bust": self._bust,
            "correct": self._correct,
            "allocate": self._allocate,
            "charge_fee": self._charge_fee,
            "plant": self._plant,
            "restart": self._restart,
        }

    def action(self, op: str) -> Callable[[Command], None]:
        """Return what carries out `op`. Raises CommandRefused for an unknown one."""
        if op not in self._actions:
            raise CommandRefused(f"no command {op!r}")
        return self._actions[op]

    def _open(self, command: Command) -> None:
        accounts = command.get("accounts")
        if not isinstance(accounts, dict):
            raise CommandRefused("accounts must be an object of account → {cash, positions}")
        parsed = [(str(name), _amounts(entry, "cash"), _amounts(entry, "positions")) for name, entry in accounts.items()]
        unknown = {symbol for _, _, positions in parsed for symbol in positions} - self._venue.markets.keys()
        if unknown:
            raise CommandRefused(f"no instrument {sorted(unknown)}")
        for name, cash, positions in parsed:
            self._venue.custody.transfer(name, cash, positions)
        self._venue.emit({"kind": "OPENED", "accounts": accounts})

    def _halt(self, command: Command) -> None:
        symbol = self._symbol(command)
        if command["op"] == "halt":
            self.halted.add(symbol)
        else:
            self.halted.discard(symbol)
        self._venue.emit({"kind": "HALTED" if symbol in self.halted else "RESUMED", "symbol": symbol})

    def _freeze(self, command: Command) -> None:
        symbol = self._symbol(command)
        if command["op"] == "freeze_quotes":
            self.frozen[symbol] = self._venue.now_us
        else:
            self.frozen.pop(symbol, None)
        self._venue.emit({"kind": "QUOTES_FROZEN" if symbol in self.frozen else "QUOTES_THAWED", "symbol": symbol})

    def _bust(self, command: Command) -> None:
        execution = self._execution(command)
        self._venue.emit(self._venue.desk.bust(execution, self._venue.markets[execution.order.symbol]))

    def _correct(self, command: Command) -> None:
        execution = self._execution(command)
        market = self._venue.markets[execution.order.symbol]
        lots, price = execution.lots, execution.price
        if "quantity" in command:
            lots = market.lot_count(decimal_of(command, "quantity")) or 0
        if "price" in command:
            price = market.price_units(decimal_of(command, "price")) or 0
        if not lots or not price:
            raise CommandRefused("quantity and price of a correction must be positive and fit lot step and tick")
        self._venue.emit(self._venue.desk.correct(execution, market, lots, price))

    def _allocate(self, command: Command) -> None:
        symbol = self._symbol(command)
        instrument = self._venue.markets[symbol].instrument
        trade_date = date_of(command, "trade_date")
        entries = command.get("shares")
        if not isinstance(entries, list):
            raise CommandRefused("shares must be a list")
        shares = tuple(
            Share(text_of(e, "account"), decimal_of(e, "quantity"), decimal_of(e, "amount"), decimal_of(e, "fee")) for e in entries
        )
        instruction = CustodyTrade(
            trade_id=text_of(command, "allocation_id"),
            account=text_of(command, "block_account"),
            symbol=symbol,
            side=text_of(command, "side"),
            quantity=Decimal(0),
            price=Decimal(0),
            amount=Decimal(0),
            fee=Decimal(0),
            currency=instrument.currency,
            trade_date=trade_date,
            settle_date=self._venue.custody.settle_date(trade_date, instrument.settlement_days),
        )
        known = self._venue.custody.knows_allocation(instruction.trade_id)
        reason = self._venue.custody.allocate(instruction, shares, instrument.multiplier)
        kind = "ALLOCATION_REJECTED" if reason else "ALLOCATION_REPEATED" if known else "ALLOCATED"
        self._venue.emit(
            {
                "kind": kind,
                "reason": reason,
                "allocation_id": instruction.trade_id,
                "block_account": instruction.account,
                "symbol": symbol,
                "side": instruction.side,
                "shares": [[s.account, plain_decimal(s.quantity), plain_decimal(s.amount), plain_decimal(s.fee)] for s in shares],
            }
        )

    def _charge_fee(self, command: Command) -> None:
        account = self._account(command)
        amount, currency, text = decimal_of(command, "amount"), text_of(command, "currency"), text_of(command, "text")
        self._fee_count += 1
        fee = Fee(f"F{self._fee_count}", account, currency, amount, self._venue.calendar.business_date(self._venue.now_us), text)
        self._venue.custody.charge(fee)
        self._venue.emit({"kind": "FEE", "fee_id": fee.fee_id, "account": account, "currency": currency, "amount": plain_decimal(amount)})

    def _plant(self, command: Command) -> None:
        what, account, key, delta = text_of(command, "what"), self._account(command), text_of(command, "key"), decimal_of(command, "delta")
        reason = self._venue.custody.plant(what, account, key, delta)
        if reason:
            raise CommandRefused(reason)
        self._venue.emit({"kind": "PLANTED", "what": what, "account": account, "key": key, "delta": plain_decimal(delta)})

    def _restart(self, command: Command) -> None:
        rollback = command.get("rollback", 0)
        if not isinstance(rollback, int) or rollback < 0:
            raise CommandRefused("rollback must be a whole number ≥ 0")
        self._venue.book.start_new_session(rollback)
        self._venue.emit({"kind": "RESTARTED", "epoch": self._venue.book.epoch})

    def _symbol(self, command: Command) -> str:
        symbol = text_of(command, "symbol")
        if symbol not in self._venue.markets:
            raise CommandRefused(f"no instrument {symbol!r}")
        return symbol

    def _account(self, command: Command) -> str:
        account = text_of(command, "account")
        if account not in self._venue.custody.accounts:
            raise CommandRefused(f"no account {account!r}")
        return account

    def _execution(self, command: Command) -> Execution:
        exec_id = text_of(command, "exec_id")
        execution = self._venue.desk.find(exec_id)
        if execution is None:
            raise CommandRefused(f"no live execution {exec_id!r}")
        return execution


def text_of(command: object, name: str, *, optional: bool = False) -> str:
    """Return a string field. Raises CommandRefused if it is missing (and not optional) or no string."""
    value = command.get(name, "" if optional else None) if isinstance(command, Mapping) else None
    if not isinstance(value, str):
        raise CommandRefused(f"{name} must be a string")
    return value


def decimal_of(command: object, name: str) -> Decimal:
    """Return a decimal field, sent as a string. Raises CommandRefused for anything else, NaN and infinity included."""
    try:
        number = Decimal(text_of(command, name))
    except InvalidOperation as error:
        raise CommandRefused(f"{name} must be a decimal") from error
    if not number.is_finite() or abs(number.adjusted()) > 15:
        raise CommandRefused(f"{name} must be a decimal of ordinary size")
    return number


def date_of(command: object, name: str) -> date:
    """Return an ISO date field. Raises CommandRefused for anything else."""
    try:
        return date.fromisoformat(text_of(command, name))
    except ValueError as error:
        raise CommandRefused(f"{name} must be an ISO date") from error


def _amounts(entry: object, name: str) -> dict[str, Decimal]:
    amounts = entry.get(name, {}) if isinstance(entry, Mapping) else None
    if not isinstance(amounts, Mapping):
        raise CommandRefused(f"{name} must be an object of decimals")
    return {str(key): decimal_of(amounts, str(key)) for key in amounts}
