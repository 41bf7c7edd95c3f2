"""A firm with one custodian and a day's books, for the tests of reconciliation against the database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

from accounts.core import entries
from accounts.core.ledger import Holder, Transaction
from accounts.models import Account, Custodian, Sleeve
from accounts.services import post
from market.models import Instrument, Quote
from tests.factories import as_loader, make_account, make_connection, make_custodian, make_instrument, make_sleeve, number

DAY, NEXT, THIRD = date(2026, 1, 5), date(2026, 1, 6), date(2026, 1, 7)
EVENING = datetime(2026, 1, 5, 21, 30, tzinfo=UTC)
NEXT_EVENING = datetime(2026, 1, 6, 21, 30, tzinfo=UTC)
BEFORE_OPEN = datetime(2026, 1, 6, 14, 15, tzinfo=UTC)
OPENED = date(2026, 1, 2)


@dataclass
class Scene:
    """A custodian with accounts A and B of 250,000 each, and an instrument of theirs; the firm's block must be open."""

    custodian: Custodian
    accounts: list[Account]
    sleeve: Sleeve
    instrument: Instrument

    def holder(self, n: int = 0) -> Holder:
        return Holder(self.accounts[n].id, self.sleeve.id)

    def stamp(self, day: date = DAY, settles: date | None = None, key: str = "") -> entries.Stamp:
        return entries.Stamp(day, settles or day, key or f"test|{number()}")


def make_scene(n: int = 2, *, mark: str = "50") -> Scene:
    """Make the custodian's day; `mark`: our closing quote, "" for none."""
    custodian = make_custodian(calendar="XNYS")
    connection = make_connection(custodian=custodian)
    accounts = [make_account(connection=connection, opened_on=OPENED) for _ in range(n)]
    scene = Scene(custodian, accounts, make_sleeve(), make_instrument())
    if mark:
        quote = {"source": "FILE", "as_of": EVENING.replace(hour=20), "bid": Decimal(mark), "ask": Decimal(mark)}
        as_loader(lambda: Quote.objects.using("loader").create(instrument_id=scene.instrument.id, **quote))
    opening = [entries.opening_cash(scene.holder(i), scene.stamp(OPENED), amount=Decimal(250_000), currency_code="USD") for i in range(n)]
    book(opening)
    return scene


def fill(scene: Scene, quantity: int, price: str, exec_id: str, *, account: int = 0, day: date = DAY, settles: date = NEXT) -> Transaction:
    """Book a fill with a commission of 1.00."""
    stamp = scene.stamp(day, settles, f"fill|{scene.accounts[account].connection_id.hex}|{exec_id}|0")
    made = entries.trade(
        scene.holder(account),
        stamp,
        instrument_id=scene.instrument.id,
        quantity=Decimal(quantity),
        price=Decimal(price),
        currency_code="USD",
        fee=Decimal(1),
    )
    book([made])
    return made


def book(transactions: Sequence[Transaction]) -> None:
    """Book transactions through accounts."""
    post(transactions=transactions, now=EVENING)


class CustodianFile:
    """Lines of the documented form, with their control records."""

    def __init__(self, scene: Scene, as_of: date = DAY) -> None:
        self.scene, self.as_of = scene, as_of
        self.rows: dict[str, list[str]] = {name: [] for name in ("POSITION", "CASH_TD", "CASH_SD", "TRADE", "FEE", "MARGIN")}
        self.totals: defaultdict[str, Decimal] = defaultdict(Decimal)
        self.accounts = list(range(len(scene.accounts)))

    def _ref(self, account: int) -> str:
        return self.scene.accounts[account].custodian_account

    def position(self, quantity: str, *, account: int = 0, price: str = "") -> CustodianFile:
        self.rows["POSITION"].append(f"POSITION,{self._ref(account)},,{self.scene.instrument.symbol},USD,{quantity},{price},,,,")
        self.totals["POSITION"] += Decimal(quantity)
        return self

    def cash(self, traded: str, settled: str, *, account: int = 0) -> CustodianFile:
        for name, amount in (("CASH_TD", traded), ("CASH_SD", settled)):
            self.rows[name].append(f"{name},{self._ref(account)},,,USD,,,{amount},,,")
            self.totals[name] += Decimal(amount)
        return self

    def trade(self, quantity: int, price: str, exec_id: str, *, account: int = 0, settles: date = NEXT) -> CustodianFile:
        side, amount = ("BUY", "-") if quantity > 0 else ("SELL", "")
        money = f"{amount}{abs(quantity) * Decimal(price)}"
        self.rows["TRADE"].append(
            f"TRADE,{self._ref(account)},{side},{self.scene.instrument.symbol},USD,{abs(quantity)},{price},{money},{self.as_of},{settles},{exec_id}"
        )
        self.totals["TRADE"] += abs(quantity)
        return self

    def fee(self, amount: str, *, account: int = 0, kind: str = "COMMISSION") -> CustodianFile:
        self.rows["FEE"].append(f"FEE,{self._ref(account)},{kind},,USD,,,{amount},{self.as_of},,")
        self.totals["FEE"] += Decimal(amount)
        return self

    def margin(self, kind: str, amount: str, *, account: int = 0) -> CustodianFile:
        self.rows["MARGIN"].append(f"MARGIN,{self._ref(account)},{kind},,USD,,,{amount},,,")
        self.totals["MARGIN"] += Decimal(amount)
        return self

    def data(self, *, without: Sequence[str] = ()) -> bytes:
        lines = ["record,account,kind,symbol,currency,quantity,price,amount,trade_date,settle_date,exec_id"]
        lines.append(f"FILE,{self.scene.custodian.code},1,,,,,,{self.as_of},,")
        lines += [f"ACCOUNT,{self._ref(account)},,,,,,,,," for account in self.accounts]
        for name, rows in self.rows.items():
            if name not in without:
                lines += [*rows, f"END,,{name},,,{len(rows)},,{self.totals[name]},,,"]
        lines.append(f"END,,FILE,,,{len(lines) - 1},,,,,")
        return ("\n".join(lines) + "\n").encode()
