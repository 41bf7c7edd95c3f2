"""Kill, restart, compare: one seeded point after the other, then the venue's journal against our books.

Entry points: `run_kills`, `verdict`. Each round states a signal, lets one process die at its named point, starts it again, and waits until
nothing is open or everything open has an alarm.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from random import Random

from mamweb.tour.firm import LANES

from .stage import Stage, wait_for

# Points of the gateway, and of the process that releases. Those marked leave SENDING rows behind: nobody knows whether they arrived.
POINTS = (
    "after_claim",
    "after_socket_write.submit",
    "after_ack",
    "after_claim",
    "after_socket_write.submit",
    "between_booking_and_commit",
    "after_intent_commit",
)
LEAVES_SENDING = {"after_claim", "after_socket_write.submit"}
SYMBOLS = ("XYZ", "ABC", "QRS")


@dataclass(frozen=True, slots=True)
class Kill:
    """One round. sending: SENDING rows that were there between the kill and the restart."""

    number: int
    point: str
    lane: str
    sending: int


def run_kills(here: Stage, *, kills: int, seed: int, tell: Callable[[str], None]) -> list[Kill]:
    """Run the rounds and return what each was."""
    draw = Random(seed)
    done = []
    for number in range(kills):
        point = POINTS[number % len(POINTS)]
        lane = draw.choice(sorted(LANES))
        kill = (
            _kill_while_releasing(here, number, draw) if point == "after_intent_commit" else _kill_gateway(here, number, point, lane, draw)
        )
        _settle(here)
        done.append(kill)
        tell(f"kill {number + 1}: {kill.point} at {kill.lane}, {kill.sending} rows left SENDING, settled")
    return done


def _body(number: int, draw: Random) -> str:
    weight = Decimal(draw.randrange(5, 12)) / 1000 + Decimal(number) / 500
    return f'{{"strategy": "CORE", "symbol": "{SYMBOLS[number % 3]}", "method": "target_weight", "figure": "{weight}"}}'


def _kill_gateway(here: Stage, number: int, point: str, lane: str, draw: Random) -> Kill:
    """Let the gateway of `lane` die at the point once the signal's orders reach it."""
    name = f"gateway-{lane}"
    here.kill(name)
    here.start_gateway(lane, crash_at=point)
    status = here.state_signal(f"kill-{number}", _body(number, draw))
    if status:
        raise RuntimeError(f"signal {number} ended with {status}: {here.tail('signals')}")
    wait_for(lambda: here.has_ended(name), f"{name} to die at {point}")
    sending = here.rows("SELECT count(*) FROM execution_childorder WHERE state = 'SENDING'")[0][0]
    here.kill(name)
    here.start_gateway(lane)
    return Kill(number, point, lane, sending)


def _kill_while_releasing(here: Stage, number: int, draw: Random) -> Kill:
    """Let the releasing process die after its first commit; the worker finishes the release."""
    status = here.state_signal(f"kill-{number}", _body(number, draw), crash_at="after_intent_commit")
    if status != 137:
        raise RuntimeError(f"the releasing process ended with {status}, not by its crash point: {here.tail('signals')}")
    return Kill(number, "after_intent_commit", "release", 0)


def _settle(here: Stage) -> None:
    sql = """SELECT (SELECT count(*) FROM execution_parentorder p WHERE done_at IS NULL AND NOT EXISTS
                     (SELECT 1 FROM execution_childorder o WHERE o.parent_id = p.id AND o.state = 'UNKNOWN'))
                  + (SELECT count(*) FROM execution_allocationnotice WHERE state = 'PENDING')"""
    wait_for(lambda: here.rows(sql)[0][0] == 0, "every order to end or be alarmed, and every split to be answered", 120)


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
        found += _positions(here, lane, oracle.positions)
    found += _unresolved(here)
    sums = "SELECT currency, instrument_id, sum(amount) FROM accounts_ledgerentry GROUP BY 1, 2 HAVING sum(amount) <> 0"
    found += [f"I6 the ledger is off by {total} of {currency or instrument}" for currency, instrument, total in here.rows(sums)]
    return found


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
