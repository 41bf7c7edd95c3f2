"""Another limit for a parent that works: the rules of the ticket once more, then cancel and send again what is left (FIX 35=G in two steps).

Entry points: `replace_parent`, `UnableToReplace`. Inside the caller's tenancy block.

Invariants:
1. The new limit passes what bounds a limit at the ticket: tick, collar, a usable quote (RTE-2), the second person's word (GOV-4), crosses
   (RTE-5), the cash it may take (ACC-4). What the ticket would refuse is refused, not changed.
2. What has not been sent is exchanged here; what the broker has is asked to be canceled, and followed only once it has ended (`resending`).
3. The parent's row is locked throughout, after the instrument's lock on crosses: the same order as a release takes.
4. The limit that stands already changes nothing and leaves no event.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import numpy as np
from django.db import connection

from accounts import queries as accounts
from accounts.queries.valuation import convert, rates_between
from allocation import queries as allocation
from base.core import figures
from base.errors import Conflict, Forbidden, NotFound, Refused
from governance.core.subjects import Actor, Subject
from governance.enums import ApprovalAction, AuditAction, SubjectKind
from governance.queries import kill_switch_parent_sql, was_approved
from governance.services import audit
from market import queries as market
from market.enums import Side
from market.queries import InstrumentFacts

from ..core.lifecycle import TERMINAL
from ..core.replacing import Refusal, Standing, judge_limit, why_not
from ..enums import ParentState, QuoteProblem, RouteKind, TimeInForce
from ..gateways.crash import crash_point
from ..models import ChildOrder, ParentOrder
from .children import cash_held
from .crosses import accounts_of, find_cross, one_at_a_time
from .planning import is_sliced
from .release import wake_gateways
from .stated import capped, end_of_day, house_limit
from .successors import REPLACED, held_for, live_of, write_successors
from .telling import tell_orders, tell_parents

_ENDED = [state.value for state in TERMINAL]


class UnableToReplace(Conflict):
    """The parent's limit cannot be this one now; nothing was written."""


@dataclass(frozen=True, slots=True)
class Replaced:
    """What a replace came to. exchanged: had not been sent, and stand anew. requested: are at the broker, which is asked to cancel them.

    limit_price: the worst price from now on; is_limit_stated False: the house's. is_new: False where that limit stood already.
    """

    limit_price: Decimal | None
    is_limit_stated: bool
    exchanged: int = 0
    requested: int = 0
    is_new: bool = True


def replace_parent(
    *, parent_id: UUID, limit: Decimal | None, actor: Actor, now: datetime, reason: str, shown: tuple[Decimal | None] | None = None
) -> Replaced:
    """Give a parent another limit; None = the house's best price of the moment.

    shown: the limit (None = best price) that the person believes to stand, in a tuple; another one by now is refused.
    Raises NotFound, Forbidden, UnableToReplace (409), Refused (422: off the tick).
    """
    parent = _locked(parent_id)
    stands = parent.limit_price if parent.is_limit_stated else None
    if limit == stands:
        return Replaced(parent.limit_price, parent.is_limit_stated, is_new=False)
    if shown is not None and shown != (stands,):
        raise UnableToReplace("changed", "the limit is another by now; look again", field="limit_price", value=_words(stands, None))
    instrument = market.instrument(parent.instrument_id)
    price = _judge(parent, limit, instrument, actor, now)
    before = _facts(parent)
    changed = _change(parent, limit, price, instrument, now)
    _refuse_cross(parent, now)
    target = price
    if is_sliced(RouteKind(parent.route)):
        target = _slice_price(parent, now)
    elif Side(parent.side).is_buy:
        _refuse_unpaid(parent, price, instrument, now)
    _refuse_small(parent, target, instrument)
    parent.save(update_fields=changed)
    waiting = _take_waiting(parent, target, now)
    requested = _ask_working(parent, target, now)
    exchanged = write_successors(parent, waiting, price=target, now=now) if waiting else 0
    _audit(parent, before, actor, now, reason, exchanged, requested)
    tell_parents([(parent.pk, parent.journey_id)], with_children=True)
    crash_point("before_replace_commit")
    wake_gateways()
    return Replaced(parent.limit_price, parent.is_limit_stated, exchanged, requested)


def _locked(parent_id: UUID) -> ParentOrder:
    instrument_id = ParentOrder.objects.filter(pk=parent_id).values_list("instrument_id", flat=True).first()
    if instrument_id is None:
        raise NotFound("parent order")
    one_at_a_time(instrument_id=instrument_id)
    return ParentOrder.objects.select_for_update(of=("self",), no_key=True).get(pk=parent_id)


def standing_of(parent: ParentOrder, now: datetime) -> Standing:
    """Return the parent as the rules see it."""
    sliced = is_sliced(RouteKind(parent.route))
    return Standing(
        side=Side(parent.side),
        state=ParentState(parent.state),
        is_sliced=sliced,
        time_in_force=TimeInForce(parent.time_in_force),
        limit=parent.limit_price,
        is_stated=parent.is_limit_stated,
        reserved_at=(parent.released_limit_price or parent.limit_price) if sliced else None,
        is_cancel_asked=parent.cancel_requested_at is not None,
        is_over=parent.expires_at is not None and parent.expires_at <= now,
    )


def _judge(parent: ParentOrder, limit: Decimal | None, instrument: InstrumentFacts, actor: Actor, now: datetime) -> Decimal:
    """Return the worst price the new limit allows. Raises for the first rule in its way."""
    standing = standing_of(parent, now)
    if refusal := why_not(standing):
        raise UnableToReplace(refusal.rule, refusal.message)
    _refuse_stopped(parent)
    ids = accounts_of(parent)
    if len(ids) != accounts.tradable_by(int(actor.user_id), on=now.date()).filter(pk__in=[UUID(bytes=bytes(raw)) for raw in ids]).count():
        raise Forbidden("grant", "it trades for accounts that you may not trade; you may cancel it")
    house = house_limit(parent, now)
    if isinstance(house, QuoteProblem):
        raise UnableToReplace("RTE-2", f"{instrument.symbol} has no usable quote: {house.words}", field="limit_price")
    if refusal := judge_limit(standing, limit, house=house, tick=instrument.tick):
        raise _refused(refusal, standing, limit, instrument)
    price = house if limit is None else limit
    _refuse_unapproved(parent, price)
    return price


def _refused(refusal: Refusal, standing: Standing, limit: Decimal | None, instrument: InstrumentFacts) -> Refused:
    value = "" if limit is None else figures.price(limit, instrument.tick)
    if refusal.rule in ("tick", "positive"):
        return Refused(refusal.rule, refusal.message, field="limit_price", value=value)
    word = "at most" if standing.side.is_buy else "at least"
    edge = "" if refusal.edge is None else f": {word} {figures.price(refusal.edge, instrument.tick)} now"
    return UnableToReplace(
        refusal.rule,
        f"a {standing.side.value.lower()} at {value or 'best price'}: {refusal.message}{edge}",
        field="limit_price",
        value=value,
    )


def _refuse_stopped(parent: ParentOrder) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT 1 FROM execution_parentorder p WHERE p.id = %s AND {kill_switch_parent_sql()}", [parent.pk])
        if cursor.fetchone() is not None:
            raise UnableToReplace("GOV-10", "a kill switch stops it; nothing more is sent")


def _refuse_unapproved(parent: ParentOrder, price: Decimal) -> None:
    """GOV-4: a second person approved the order as it was stated; a worse price is another order."""
    first = parent.released_limit_price or parent.limit_price
    if first is None or (price - first) * Side(parent.side).sign <= 0:
        return
    subject = Subject(SubjectKind.SIGNAL, str(allocation.signal_of(statement_id=parent.statement_id)))
    if was_approved(action=ApprovalAction.RELEASE_OVER_LIMIT, subject=subject):
        raise UnableToReplace("GOV-4", "a second person approved it at a better limit; cancel it and state it again", field="limit_price")


def _refuse_cross(parent: ParentOrder, now: datetime) -> None:
    cross = find_cross(parent, ids=accounts_of(parent), now=now)
    if cross is not None:
        message = f"an opposite order still works that it could meet at this limit ({cross.why})"
        raise UnableToReplace("RTE-5", message, against=str(cross.against), meeting=cross.meeting.value, field="limit_price")


def _change(parent: ParentOrder, limit: Decimal | None, price: Decimal, instrument: InstrumentFacts, now: datetime) -> list[str]:
    """Give the parent its new limit, not saved yet; a stated one rests for the day, the house's price does not rest at all (RTE-2)."""
    if parent.released_limit_price is None:
        parent.released_limit_price = parent.limit_price or parent.decision_price
    was_stated, parent.is_limit_stated, parent.limit_price = parent.is_limit_stated, limit is not None, price
    if limit is None:
        parent.time_in_force = TimeInForce.IOC
    elif not was_stated:
        parent.time_in_force = TimeInForce.DAY
        parent.expires_at = parent.expires_at or end_of_day(instrument.calendar, now)
    return ["released_limit_price", "is_limit_stated", "limit_price", "time_in_force", "expires_at"]


def _slice_price(parent: ParentOrder, now: datetime) -> Decimal:
    """Return what an order of a parent over time may go at now: the house's price, within the limit."""
    house = house_limit(parent, now)
    if isinstance(house, QuoteProblem) or parent.limit_price is None:
        raise UnableToReplace("RTE-2", "there is no usable quote", field="limit_price")
    return capped(side=Side(parent.side), house=house, stated=parent.limit_price if parent.is_limit_stated else None)


def _take_waiting(parent: ParentOrder, price: Decimal, now: datetime) -> list[ChildOrder]:
    """End what has not been sent and goes at another price; returns it, locked."""
    sql = """UPDATE execution_childorder SET state = 'CANCELED', cancel_requested_at = %s, reason = %s
             WHERE id IN (SELECT o.id FROM execution_childorder o WHERE o.state = 'PENDING' AND o.parent_id = %s
                          AND o.cancel_requested_at IS NULL AND o.limit_price IS DISTINCT FROM %s ORDER BY o.id FOR UPDATE OF o)
             RETURNING id"""
    with connection.cursor() as cursor:
        cursor.execute(sql, [now, REPLACED, parent.pk, price])
        return list(ChildOrder.objects.filter(pk__in=[row[0] for row in cursor.fetchall()]).order_by("sequence", "id"))


def _ask_working(parent: ParentOrder, price: Decimal, now: datetime) -> int:
    """Ask to cancel what the broker has at another price, to be sent again."""
    sql = """UPDATE execution_childorder SET cancel_requested_at = %s, to_resend = TRUE
             WHERE id IN (SELECT o.id FROM execution_childorder o WHERE o.state <> 'PENDING' AND o.state <> ALL(%s) AND o.parent_id = %s
                          AND o.cancel_requested_at IS NULL AND o.limit_price IS DISTINCT FROM %s ORDER BY o.id FOR UPDATE OF o)
             RETURNING id, account_id, CASE WHEN is_block THEN parent_id END"""
    with connection.cursor() as cursor:
        cursor.execute(sql, [now, _ENDED, parent.pk, price])
        rows = cursor.fetchall()
    tell_orders(rows)
    return len(rows)


def _refuse_small(parent: ParentOrder, price: Decimal, instrument: InstrumentFacts) -> None:
    """SIZ-5: the venue would refuse what is sent again, after the cancel: nothing would be left of the order."""
    worth = [(order.quantity - order.filled_qty) * price * instrument.multiplier for order in live_of(parent)]
    if least := [value for value in worth if 0 < value < instrument.min_notional]:
        small = f"what is left would be worth {figures.number(min(least))} {instrument.currency}, less than its smallest order"
        raise UnableToReplace("SIZ-5", f"{small}, {figures.number(instrument.min_notional)}", field="limit_price")


def _refuse_unpaid(parent: ParentOrder, price: Decimal, instrument: InstrumentFacts, now: datetime) -> None:
    """ACC-4: what a higher limit may take beyond what is held must be there, in every account behind what still works."""
    extra: dict[bytes, int] = {}
    for order in live_of(parent):
        left = order.quantity - order.filled_qty
        if left <= 0 or order.limit_price is None or order.limit_price >= price:
            continue
        ids, quantity = held_for(parent, order, left)
        more = cash_held(quantity, Side.BUY, instrument, price) - cash_held(quantity, Side.BUY, instrument, order.limit_price)
        for raw, amount in zip(ids, more.tolist(), strict=True):
            extra[bytes(raw)] = extra.get(bytes(raw), 0) + amount
    if extra:
        _refuse_short(parent, extra, instrument, now)


def _refuse_short(parent: ParentOrder, extra: dict[bytes, int], instrument: InstrumentFacts, now: datetime) -> None:
    ids = [UUID(bytes=raw) for raw in sorted(extra)]
    sleeve = allocation.sleeve_of(strategy_id=parent.strategy_id)
    found = accounts.account_arrays(account_ids=ids, sleeve_id=sleeve, instrument=instrument, now=now)
    into = [(found.currencies[place], parent.is_paper) for place in found.currency.tolist()]
    rates = rates_between(currencies=[instrument.currency], into=into, now=now)
    for row, (raw, code) in enumerate(zip(found.ids, found.codes, strict=True)):
        rate, available = rates.rate.get((instrument.currency, *into[row])), int(found.available[row])
        if rate is None or available == accounts.MISSING:
            raise UnableToReplace("CON-5", f"what {code} has available is not known", field="limit_price")
        needed = int(convert(np.array([extra[bytes(raw)]], dtype=np.int64), rate, into[row][0], round_up=True)[0])
        if needed > available:
            message = f"{code} has no cash for the higher limit; cancel it and state it again"
            raise UnableToReplace("ACC-4", message, field="limit_price", account=code)
    if len(found.ids) < len(ids):
        raise UnableToReplace("ACC-4", "an account behind it trades no more", field="limit_price")


def _facts(parent: ParentOrder) -> dict[str, str]:
    stated = parent.limit_price if parent.is_limit_stated else None
    return {
        "limit_price": _words(parent.limit_price, None).replace(",", ""),  # the trail keeps figures a program reads
        "price": "limit" if stated is not None else "best",
        "time_in_force": str(parent.time_in_force),
    }


def _words(price: Decimal | None, tick: Decimal | None) -> str:
    return "" if price is None else figures.price(price.normalize(), tick)


def _audit(parent: ParentOrder, before: dict[str, str], actor: Actor, now: datetime, reason: str, exchanged: int, requested: int) -> None:
    audit(
        action=AuditAction.ORDER_UPDATED,
        subject=Subject(SubjectKind.PARENT_ORDER, str(parent.pk)),
        actor=actor,
        now=now,
        before=before,
        after={**_facts(parent), "exchanged": exchanged, "requested": requested},
        reason=reason,
        rule="RTE-2",
        journey_id=parent.journey_id,
    )
