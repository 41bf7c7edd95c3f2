"""A release as its person follows it: what became of every account's part.

Entry points: `release_story`, `last_release`. Inside the caller's tenancy block, in the eyes of a viewer; a constant number of statements a parent.
Invariants: 1. only accounts the viewer sees are named. 2. what is unknown is shown as unknown. 3. shares of a block that still works are provisional.
4. who does not see every account of the journey is told what their own accounts got and at which price; nothing of other orders, and not why a block ended.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from accounts import queries as accounts
from allocation.core.words import REASONS, RULES
from allocation.enums import Reason, Rule, SizingMethod
from allocation.queries.visible import visible_lines, visible_signals, visible_statements
from base.errors import NotFound
from governance.core.subjects import Viewer
from market.enums import Side

from ..core.lifecycle import TERMINAL
from ..core.outcomes import may_cancel, outcome_of
from ..core.replacing import may_replace
from ..enums import SLICED, OrderState, Outcome, ParentState, RouteKind
from ..models import ChildOrder, ParentOrder
from .blocks import ProvisionalShare, provisional_shares
from .release_notes import note_of
from .release_rows import LaneRows, PartRow, ReleaseStory
from .visible import in_whole, visible_orders

MOST_ROWS = 100
ENDED = "The block ended"


def last_release(*, viewer: Viewer) -> UUID | None:
    """Return the journey of what the person released last, None if there is nothing."""
    rows = visible_statements(viewer).filter(released_by_id=viewer.user_id)
    return rows.order_by("-decided_at", "-id").values_list("journey_id", flat=True).first()


def release_story(*, journey_id: UUID, viewer: Viewer, most: int | None = MOST_ROWS) -> ReleaseStory:
    """Return a release as the viewer may see it; most: lines in all, None for every one. Raises NotFound for one that is not in sight."""
    signal = visible_signals(viewer).select_related("instrument").filter(journey_id=journey_id).first()
    statement = visible_statements(viewer).select_related("released_by").filter(journey_id=journey_id).order_by("-revision").first()
    if signal is None or statement is None:
        raise NotFound("release")
    parents = list(
        ParentOrder.objects.filter(journey_id=journey_id, statement_id=statement.id).annotate(is_whole=in_whole(viewer)).order_by("side")
    )
    stoppable = set(visible_orders(viewer).filter(is_block=True, journey_id=journey_id).values_list("id", flat=True))
    columns = (
        "account_id",
        "account__code",
        "account__name",
        "account__connection__code",
        "quantity",
        "reason",
        "binding_rule",
        "account__connection__pools_blocks",
    )
    lines = list(visible_lines(viewer).filter(statement_id=statement.id).order_by("account__code").values_list(*columns))
    facts = _Facts(parents, {row[0]: row[3] for row in lines})
    rows = [(row[3], facts.part(row)) for row in lines if row[4]]
    skipped = [_skipped(row) for row in lines if not row[4]]
    out = _left_out(viewer, statement.excluded)
    amounts: dict[str, Decimal] = {}
    counts: dict[str, int] = {}
    for _, part in rows:
        left = (part.quantity or Decimal(0)) - (part.filled or Decimal(0))
        amounts[part.outcome] = amounts.get(part.outcome, Decimal(0)) + left
        counts[part.outcome] = counts.get(part.outcome, 0) + 1
    counts |= {Outcome.SKIPPED: len(skipped)} if skipped else {}
    ordered = sum((p.quantity or Decimal(0) for _, p in rows), Decimal(0))
    filled = sum((p.filled or Decimal(0) for _, p in rows), Decimal(0))
    price = facts.average([part for _, part in rows])
    never = [*out, *skipped]
    shown = rows if most is None else rows[:most]
    return ReleaseStory(
        journey_id=journey_id,
        symbol=signal.instrument.symbol,
        currency=signal.instrument.currency,
        tick=signal.instrument.tick,
        method=SizingMethod(signal.method),
        figure=signal.figure,
        sides=tuple(str(parent.side) for parent in parents),
        released_at=statement.decided_at,
        released_by=(statement.released_by.name or statement.released_by.email) if statement.released_by else "",
        hash=statement.hash,
        decision_price=statement.decision_price,
        limit_price=parents[0].limit_price if len(parents) == 1 else None,
        routes=tuple(RouteKind(parent.route) for parent in parents),
        is_over=all(parent.done_at is not None for parent in parents),
        orders=len(facts.children),
        ordered=ordered,
        filled=filled,
        price=price,
        cost_bps=_cost(parents, price, statement.decision_price),
        amounts=amounts,
        counts=counts,
        lanes=facts.lanes(rows, shown, {row[3] for row in lines if row[7]}, stoppable),
        never_ordered=never if most is None else never[: max(most - len(shown), 0)],
        hidden=0 if most is None else max(len(rows) + len(never) - most, 0),
        parents=tuple(parent.id for parent in parents if parent.done_at is None and parent.cancel_requested_at is None),
    )


class _Facts:
    """What the orders of a release say, gathered once. seen: account in sight → code of its connection."""

    def __init__(self, parents: Sequence[Any], seen: Mapping[UUID, str]) -> None:
        self.is_whole = all(parent.is_whole for parent in parents)
        self.parents = {str(parent.side): parent for parent in parents}
        columns: tuple[str, ...] = (
            "id",
            "parent_id",
            "account_id",
            "connection__code",
            "connection__is_paper",
            "connection_id",
            "is_block",
            "state",
            "quantity",
            "filled_qty",
        )
        columns += ("filled_notional", "limit_price", "reason", "cancel_requested_at", "to_resend", "chain_id")
        rows = ChildOrder.objects.filter(parent_id__in=[parent.id for parent in parents]).order_by("id")
        self.children: list[dict[str, Any]] = list(rows.values(*columns))
        if not self.is_whole:
            lanes = set(seen.values())
            mine = [one for one in self.children if (one["connection__code"] in lanes if one["is_block"] else one["account_id"] in seen)]
            self.children = [one | {"reason": ENDED if one["reason"] else ""} if one["is_block"] else one for one in mine]
        self.shares: dict[tuple[UUID, UUID], ProvisionalShare] = {}
        for parent in parents:
            if any(child["is_block"] and child["filled_qty"] for child in self.children if child["parent_id"] == parent.id):
                self.shares |= {(parent.id, share.account_id): share for share in provisional_shares(parent_id=parent.id)}
        self.own: dict[tuple[UUID, UUID], list[dict[str, Any]]] = {}
        self.blocks: dict[tuple[UUID, str], list[dict[str, Any]]] = {}
        for child in self.children:
            if child["is_block"]:
                self.blocks.setdefault((child["parent_id"], child["connection__code"]), []).append(child)
            else:
                self.own.setdefault((child["parent_id"], child["account_id"]), []).append(child)

    def part(self, line: tuple[Any, ...]) -> PartRow:
        """Return what became of one line of the statement."""
        account_id, code, name, lane, quantity = line[:5]
        parent = self.parents.get(str(Side.BUY if quantity > 0 else Side.SELL))
        wanted = abs(quantity)
        if parent is None:
            return PartRow(account_id, code, name, Outcome.CANCELED, "", wanted, Decimal(0), None, "Nothing was ordered")
        singles = self.own.get((parent.id, account_id), [])
        block = self.blocks.get((parent.id, lane), []) if not singles else []
        orders = singles or block
        share = self.shares.get((parent.id, account_id))
        filled = share.quantity if block and share else Decimal(0) if block else sum((o["filled_qty"] for o in orders), Decimal(0))
        states = [OrderState(order["state"]) for order in orders]
        outcome = outcome_of(quantity=wanted, filled=filled, states=states, is_over=_is_over(parent, orders))
        note, rule = note_of(outcome, parent, _newest(orders), wanted - filled, share if block else None)
        now_one = _newest(singles)
        stoppable = len(now_one) == 1 and _is_stoppable(now_one[0])
        movable = bool(singles) and any(OrderState(one["state"]) not in TERMINAL for one in now_one) and may_replace(parent)
        price = _average(orders) if filled else None
        shown = None if outcome is Outcome.UNKNOWN else filled
        return PartRow(
            account_id, code, name, outcome, str(parent.side), wanted, shown, price, note, rule, now_one[0]["id"] if stoppable else None,
            parent.id if movable else None,
        )  # fmt: skip

    def lanes(
        self, rows: Sequence[tuple[str, PartRow]], shown: Sequence[tuple[str, PartRow]], pooled: set[str], stoppable: set[UUID]
    ) -> list[LaneRows]:
        """Return the connections with all their sums and the rows that are shown, blocks first. pooled: connections that take
        blocks; stoppable: blocks the viewer sees in whole, and so may cancel alone."""
        found = []
        for code in dict.fromkeys(code for code, _ in rows):
            parts = [part for lane, part in rows if lane == code]
            blocks = [child for (_, lane), children in self.blocks.items() if lane == code for child in children]
            orders = blocks or [c for c in self.children if c["connection__code"] == code and not c["is_block"]]
            open_ = [b for b in blocks if b["id"] in stoppable and _is_stoppable(b)]
            movable = [
                p.id for p in self.parents.values() if may_replace(p) and any(b["parent_id"] == p.id for b in blocks if not _has_ended(b))
            ]
            found.append(
                LaneRows(
                    code,
                    code in pooled,
                    sum((p.quantity or Decimal(0) for p in parts), Decimal(0)),
                    sum((p.filled or Decimal(0) for p in parts), Decimal(0)),
                    _average(orders),
                    open_[0]["id"] if len(open_) == 1 else None,
                    movable[0] if len(movable) == 1 else None,
                    any(one["connection__is_paper"] and not _has_ended(one) for one in orders),
                    [part for lane, part in shown if lane == code],
                )
            )
        return sorted(found, key=lambda lane: (not lane.is_block, lane.code))

    def average(self, parts: Sequence[PartRow]) -> Decimal | None:
        """Return the average price of a one-sided release; of the accounts in sight where there are others."""
        if len(self.parents) != 1 or self.is_whole:
            return _average(self.children) if len(self.parents) == 1 else None
        got = [(part.filled, part.price) for part in parts if part.filled and part.price is not None]
        quantity = sum((filled for filled, _ in got), Decimal(0))
        return (sum((filled * price for filled, price in got), Decimal(0)) / quantity).quantize(Decimal("0.00000001")) if quantity else None


def _newest(orders: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the orders without those that another one followed at a new limit."""
    newest = {order["chain_id"] or order["id"]: order for order in orders}
    return list(newest.values())


def _has_ended(order: Mapping[str, Any]) -> bool:
    return OrderState(order["state"]) in TERMINAL


def _is_stoppable(order: Mapping[str, Any]) -> bool:
    return may_cancel([OrderState(order["state"])], is_asked=order["cancel_requested_at"] is not None and not order["to_resend"])


def _average(orders: Sequence[Mapping[str, Any]]) -> Decimal | None:
    quantity = sum((order["filled_qty"] for order in orders), Decimal(0))
    notional = sum((order["filled_notional"] for order in orders), Decimal(0))
    return (notional / quantity).quantize(Decimal("0.00000001")) if quantity else None


def _is_over(parent: ParentOrder, orders: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether nothing more will be ordered for a part."""
    if parent.done_at is not None:
        return True
    is_sliced = parent.route in SLICED
    return bool(orders) and not is_sliced and parent.state == ParentState.WORKING


def _skipped(line: tuple[Any, ...]) -> PartRow:
    rule = Rule(line[6])
    return PartRow(
        line[0],
        line[1],
        line[2],
        Outcome.SKIPPED,
        "",
        None,
        None,
        None,
        REASONS[Reason(line[5])].capitalize(),
        "" if rule is Rule.NONE else RULES[rule].id,
    )


def _left_out(viewer: Viewer, excluded: Sequence[Mapping[str, Any]]) -> list[PartRow]:
    """Return the accounts that were out before sizing, as far as the viewer sees them."""
    if not excluded:
        return []
    ids = [UUID(row["account_id"]) for row in excluded]
    seen = dict(accounts.visible_to(viewer.user_id, on=viewer.on).filter(pk__in=ids).values_list("id", "name"))
    return [
        PartRow(
            account_id=UUID(row["account_id"]),
            code=row["code"],
            name=seen[UUID(row["account_id"])],
            outcome=Outcome.BLOCKED,
            side="",
            quantity=None,
            filled=None,
            price=None,
            note=f"Never ordered: {row['reason']}",
            rule="GOV-10" if row["finding"] == "KILL_SWITCH" else "GOV-2",
        )
        for row in excluded
        if UUID(row["account_id"]) in seen
    ]


def _cost(parents: Sequence[ParentOrder], price: Decimal | None, decision: Decimal) -> Decimal | None:
    if price is None or not decision or len(parents) != 1:
        return None
    sign = 1 if Side(parents[0].side).is_buy else -1
    return ((price - decision) * sign * 10_000 / decision).quantize(Decimal("0.01"))
