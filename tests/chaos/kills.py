"""Kill, restart, compare: one seeded point after the other, then the venue's journal against our books.

Entry points: `run_kills`, `verdict`. Each round states a signal, lets one process die at its named point, starts it again, and waits until
nothing is open.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from random import Random

from accounts import services as accounts
from base import tenancy
from execution.venue.journal import Oracle
from mamweb.tour.firm import LANES

from .stage import Stage

# Where a process dies, in turn. After the claim and after the socket's write rows are left SENDING: nobody knows whether they arrived.
POINTS = (
    "after_claim",
    "after_ack",
    "after_socket_write.submit",
    "after_intent_commit",
    "after_claim",
    "between_execution_and_booking",
    "after_socket_write.submit",
    "between_booking_and_commit",
)
SYMBOLS = ("XYZ", "ABC", "QRS")
TURNS = 4  # signals a round at the most
OPENING = 11  # shares an account: more than any round sells, and few enough that no order is sliced


@dataclass(frozen=True, slots=True)
class Kill:
    """One round. sending: rows left SENDING between the kill and the restart; recovered: seconds from the restart, the process's
    start included, until none was."""

    number: int
    point: str
    process: str
    sending: int
    recovered: float


def run_kills(here: Stage, *, numbers: Iterable[int], seed: int, tell: Callable[[Kill], None] = lambda _kill: None) -> list[Kill]:
    """Run the rounds of these numbers and return what each was."""
    numbers = list(numbers)
    _buy_enough(here, {_symbol(number) for number in numbers})
    done = []
    for number in numbers:
        draw = Random(f"{seed}/{number}")
        point = POINTS[number % len(POINTS)]
        if point == "after_intent_commit":
            kill = _kill_while_releasing(here, number, draw)
        else:
            kill = _kill_one_of(here, number, point, _candidates(point, draw), draw)
        _settle(here)
        done.append(kill)
        tell(kill)
    return done


def _candidates(point: str, draw: Random) -> list[str]:
    """Return the processes that may pass the point: a block is booked by whichever comes first."""
    if point == "between_booking_and_commit":
        return [*(f"gateway-{lane}" for lane in LANES), "worker"]
    return [f"gateway-{draw.choice(sorted(LANES))}"]


def _symbol(number: int) -> str:
    return SYMBOLS[number // 2 % len(SYMBOLS)]


def _body(number: int, draw: Random, turn: int = 0) -> str:
    """Return a signal that leaves orders at every connection: bought in even rounds, sold in odd ones; the other way at each next turn."""
    shares = draw.randrange(3, 9)
    return _fixed(_symbol(number), -shares if (number + turn) % 2 else shares)


def _fixed(symbol: str, shares: int) -> str:
    return f'{{"strategy": "CORE", "symbol": "{symbol}", "method": "fixed", "figure": "{shares}"}}'


def _buy_enough(here: Stage, symbols: Iterable[str]) -> None:
    """Give every account something to sell: orders that a kill keeps from the venue leave no position."""
    for symbol in sorted(symbols):
        status = here.state_signal(f"opening-{symbol}", _fixed(symbol, OPENING))
        if status:
            raise RuntimeError(f"the opening signal in {symbol} ended with {status}: {here.tail('signals')}")
    _settle(here)


def _kill_one_of(here: Stage, number: int, point: str, names: list[str], draw: Random) -> Kill:
    """Let the first of the processes that passes the point die there, on the orders of a new signal."""
    for name in names:
        here.restart(name, crash_at=point)
    died = _first_to_die(here, number, point, names, draw)
    sending = _sending(here)
    started = time.monotonic()
    for name in names:
        here.restart(name)
    here.wait_for(lambda: _sending(here) == 0, "every order left SENDING to be found again or alarmed")
    return Kill(number, point, died, sending, time.monotonic() - started)


def _first_to_die(here: Stage, number: int, point: str, names: list[str], draw: Random) -> str:
    """State a signal and return who died on it; another one where the market ran away and nothing was filled, so that nobody could."""
    for turn in range(TURNS):
        status = here.state_signal(f"kill-{number}-{turn}", _body(number, draw, turn))
        if status:
            raise RuntimeError(f"signal {number} ended with {status}: {here.tail('signals')}")
        here.wait_for(lambda: _dead(here, names) or not _open(here), f"one of {names} to die at {point}")
        if dead := _dead(here, names):
            return dead[0]
    raise RuntimeError(f"none of {names} passed {point} in {TURNS} signals: {here.tail('signals')}")


def _dead(here: Stage, names: list[str]) -> list[str]:
    return [name for name in names if here.has_ended(name)]


def _kill_while_releasing(here: Stage, number: int, draw: Random) -> Kill:
    """Let the releasing process die after its first commit; the worker finishes the release."""
    status = here.state_signal(f"kill-{number}", _body(number, draw), crash_at="after_intent_commit")
    if status != 137:
        raise RuntimeError(f"the releasing process ended with {status}, not by its crash point: {here.tail('signals')}")
    return Kill(number, "after_intent_commit", "signal", 0, 0.0)


def _sending(here: Stage) -> int:
    return int(here.rows("SELECT count(*) FROM execution_childorder WHERE state = 'SENDING'")[0][0])


def _settle(here: Stage) -> None:
    """Wait until everything has ended: these venues know orders by our reference, so nothing may stay UNKNOWN."""
    here.wait_for(lambda: not _open(here), "every order to end, and every split to be answered", 120)


def _open(here: Stage) -> int:
    sql = """SELECT (SELECT count(*) FROM execution_parentorder WHERE done_at IS NULL)
                  + (SELECT count(*) FROM execution_allocationnotice WHERE state = 'PENDING')"""
    return int(here.rows(sql)[0][0])


def verdict(here: Stage) -> list[str]:
    """Return what the venue's journals and our books disagree about; empty when I1–I7 hold."""
    found: list[str] = []
    known: Counter[str] = Counter()
    for lane in LANES:
        oracle = here.oracle(lane)
        known.update(oracle.accepted)
        found += [f"I1 {name} became {count} orders" for name, count in oracle.accepted.items() if count > 1]
        sql = """SELECT o.client_order_id, o.filled_qty, o.state FROM execution_childorder o
                 JOIN accounts_brokerconnection c ON c.id = o.connection_id WHERE c.code = %s"""
        ours = {name: (filled, state) for name, filled, state in here.rows(sql, lane)}
        for name, (filled, state) in ours.items():
            if oracle.filled_qty(name) != filled:
                found.append(f"I7 {name} ({state}): we filled {filled}, the venue {oracle.filled_qty(name)}")
            if state == "FILLED" and name not in oracle.accepted:
                found.append(f"I1 {name} is filled and the venue never had it")
        found += [f"I3 the venue has {name}, we do not" for name in oracle.accepted if name not in ours]
        found += _executions(here, lane, oracle)
        found += _positions(here, lane, oracle.positions)
    found += _unresolved(here)
    with tenancy.firm(here.firm.firm_id):
        found += [f"I6 {line}" for line in accounts.check_books()]
    sums = "SELECT currency, instrument_id, sum(amount) FROM accounts_ledgerentry GROUP BY 1, 2 HAVING sum(amount) <> 0"
    found += [f"I6 the ledger is off by {total} of {currency or instrument}" for currency, instrument, total in here.rows(sums)]
    return found


def _executions(here: Stage, lane: str, oracle: Oracle) -> list[str]:
    """I3: what the venue executed is recorded once, as it says, and nothing else is."""
    sql = """SELECT e.broker_exec_id, e.last_qty, e.last_px, o.client_order_id FROM execution_execution e
             JOIN accounts_brokerconnection c ON c.id = e.connection_id LEFT JOIN execution_childorder o ON o.id = e.order_id
             WHERE c.code = %s"""
    ours = Counter((name, quantity.normalize(), price.normalize(), order) for name, quantity, price, order in here.rows(sql, lane))
    theirs = Counter(
        (name, Decimal(e["last_qty"]).normalize(), Decimal(e["last_px"]).normalize(), e["client_order_id"])
        for name, e in oracle.executions.items()
    )
    return [f"I3 only ours, or twice: {row}" for row in ours - theirs] + [f"I3 only the venue's: {row}" for row in theirs - ours]


def _positions(here: Stage, lane: str, theirs: dict[tuple[str, str], Decimal]) -> list[str]:
    sql = """SELECT a.custodian_account, i.symbol, sum(p.quantity) FROM accounts_position p JOIN accounts_account a ON a.id = p.account_id
             JOIN accounts_brokerconnection c ON c.id = a.connection_id JOIN market_instrument i ON i.id = p.instrument_id
             WHERE c.code = %s GROUP BY 1, 2 HAVING sum(p.quantity) <> 0"""
    ours = {(account, symbol): quantity for account, symbol, quantity in here.rows(sql, lane)}
    keys = sorted({*ours, *theirs})
    pairs = ((key, ours.get(key, Decimal(0)), theirs.get(key, Decimal(0))) for key in keys)
    return [f"I7 {key}: ours {mine}, the venue's {custody}" for key, mine, custody in pairs if mine != custody]


def _unresolved(here: Stage) -> list[str]:
    """I2: what is not terminal is UNKNOWN with an alarm."""
    sql = """SELECT o.client_order_id, o.state FROM execution_childorder o
             WHERE o.state IN ('PENDING', 'SENDING', 'ACKED', 'PARTIALLY_FILLED', 'PENDING_CANCEL', 'PENDING_REPLACE')"""
    found = [f"I2 {name} is still {state}" for name, state in here.rows(sql)]
    unknown = here.rows("SELECT count(*) FROM execution_childorder WHERE state = 'UNKNOWN'")[0][0]
    alarms = here.rows("SELECT count(*) FROM governance_alert WHERE tier = 'CRITICAL' AND ended_at IS NULL")[0][0]
    return found + ([f"I2 {unknown} UNKNOWN orders, {alarms} alarms"] if unknown and not alarms else [])
