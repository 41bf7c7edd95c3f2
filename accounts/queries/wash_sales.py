"""Wash sales of the accounts a person may see, worked out from the books as they stand (WASH-1 to WASH-15).

Entry point: `wash_sales` → `WashSales` of `WashSale` and `Replacement`. Inside the caller's tenancy block.

Invariants:
1. A flag, nothing else: neither ledger nor lots nor their basis know of it.
2. A sale is shown only in an account in sight. Its figures count the whole tax unit; a replacement elsewhere is never named, dated or counted,
   only its share of the loss is there.
3. Ten statements, whatever the number of accounts; a group is replayed whole (WASH-15), and only where it can hold a wash sale (`wash_sift`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from governance.core.subjects import Viewer

from ..core.relationships import Edge, Node
from ..core.tax_units import TaxFacts, UnitMember, tax_units
from ..core.wash_sales import replay_wash_sales
from ..core.wash_scope import final_from, in_scope, kinds_in_scope
from ..core.wash_values import ClosedPart, Replay
from ..enums import Registration, RelationshipKind, TaxClassification, WashFate, WashState
from .columns import fetch_rows
from .relationships import edges
from .visibility import visible_to
from .wash_books import Group, Known, instruments_of, recent_sales, wash_groups
from .wash_sift import Loss, sift

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Replacement:
    """A purchase in an account in sight that took part of a loss. amount: of the loss."""

    account_id: UUID
    code: str
    name: str
    bought_on: date
    quantity: Decimal
    amount: Decimal
    fate: WashFate


@dataclass(frozen=True, slots=True)
class WashSale:
    """What one sale lost in one account and instrument, in `currency`; loss = deferred + permanent + allowed.

    quantity: shares sold at a loss. loss: after what earlier wash sales had put into their basis. unseen: the part of the loss that
    purchases outside the viewer's sight took. is_estimated: a split or a transfer in kind lies between, which lots alone do not tell of.
    """

    account_id: UUID
    code: str
    name: str
    instrument_id: int
    symbol: str
    sale_date: date
    quantity: Decimal
    currency: str
    loss: Decimal
    deferred: Decimal
    permanent: Decimal
    replacements: tuple[Replacement, ...]
    unseen: Decimal
    state: WashState
    final_from: date
    rules: tuple[str, ...]
    is_estimated: bool = False

    @property
    def allowed(self) -> Decimal:
        """Return what may still be deducted."""
        return self.loss - self.deferred - self.permanent


@dataclass(frozen=True, slots=True)
class WashSales:
    """rows: newest sale first. exposed: how many other sales lost something that a purchase can still wash (WASH-3)."""

    rows: tuple[WashSale, ...]
    exposed: int


def wash_sales(viewer: Viewer, *, since: date, until: date, account_ids: Collection[UUID] | None = None) -> WashSales:
    """Return the wash sales among what accounts in sight sold from `since` to `until`, both included; `until` is today.

    account_ids: only sales of these accounts, as far as they are in sight. Source: WASH-1 to WASH-15.
    """
    names = _names(viewer)
    asked = names.keys() if account_ids is None else names.keys() & {str(pk) for pk in account_ids}
    recent = recent_sales(account_ids=asked, kinds=kinds_in_scope(since, until), since=since, until=until)
    if not recent:
        return WashSales((), 0)
    units = _units(until)
    wanted = {(units[account_id].unit, identity) for account_id, identity in recent}
    instruments = instruments_of({identity for _, identity in wanted})
    sifted = sift(wanted=wanted, units=units, identities={pk: row[3] for pk, row in instruments.items()}, alone_since=since)
    alone = (one for one in sifted.alone if _is_exposed(one, instruments[one.instrument_id][2], units, asked, until))
    exposed = len({(one.account_id, one.instrument_id, one.sale_id) for one in alone})
    rows: list[WashSale] = []
    groups = wash_groups(wanted=sifted.washable, units=units, instruments=instruments, since=since) if sifted.washable else []
    for group in groups:
        found, open_ = _rows_of(group, units, asked, names, since, until)
        rows += found
        exposed += open_
    rows.sort(key=lambda row: (-row.sale_date.toordinal(), row.code, row.symbol))
    return WashSales(tuple(rows), exposed)


def _is_exposed(one: Loss, kind: str, units: Mapping[Any, UnitMember], asked: Collection[str], until: date) -> bool:
    """Tell whether a loss in an account asked for, that somebody reports, can still be washed."""
    reported = one.account_id in asked and not units[one.account_id].account.is_sheltered
    return reported and one.sale_date <= until < final_from(one.sale_date) and in_scope(kind, one.sale_date)


_FACTS = "SELECT id::text, owner_id::text, tax_classification, registration FROM accounts_account WHERE NOT is_clearing ORDER BY id"


def _units(on: date) -> Mapping[Any, UnitMember]:
    """Return the tax unit of every account of the firm: one person's accounts may be in several people's sight."""
    facts = [
        TaxFacts(pk, owner, TaxClassification(tax), Registration(registration) if registration else None)
        for pk, owner, tax, registration in fetch_rows(_FACTS, {})
    ]
    return tax_units(facts, [_as_text(edge) for edge in edges(kinds=[RelationshipKind.TAX_UNIT])], on)


def _as_text(edge: Edge) -> Edge:
    source, target = Node(edge.source.kind, str(edge.source.id)), Node(edge.target.kind, str(edge.target.id))
    return Edge(edge.kind, source, target, edge.valid_from, edge.valid_to, edge.share)


def _names(viewer: Viewer) -> dict[str, tuple[str, str]]:
    rows = visible_to(viewer.user_id, on=viewer.on).filter(is_clearing=False).values_list("pk", "code", "name").order_by()
    return {str(pk): (code, name) for pk, code, name in rows}


def _rows_of(
    group: Group, units: Mapping[Any, UnitMember], asked: Collection[str], names: Mapping[str, tuple[str, str]], since: date, until: date
) -> tuple[list[WashSale], int]:
    """Return the group's wash sales of accounts asked for, and how many other losses of theirs are still exposed."""
    replay = replay_wash_sales(
        {pk: units[pk].account for pk in group.accounts},
        group.acquisitions,
        group.disposals,
        currency=group.currency,
        is_short=group.is_short,
    )
    rows, exposed = [], 0
    for parts in _sales(replay, group, asked, since, until):
        if any(part.matches for part in parts):
            rows.append(_row(parts, group, units, names, until))
        else:
            exposed += until < parts[0].final_from
    return rows, exposed


def _sales(replay: Replay, group: Group, asked: Collection[str], since: date, until: date) -> Iterator[list[ClosedPart]]:
    """Yield what each sale in the span lost, its parts together."""
    found: dict[tuple[object, ...], list[ClosedPart]] = {}
    for part in replay.closed:
        sale = part.disposal
        if part.loss and part.account_id in asked and since <= sale.sale_date <= until:
            known = group.known[sale.lot_id]
            if in_scope(known.kind, sale.sale_date):
                found.setdefault((part.account_id, known.instrument_id, sale.sale_id), []).append(part)
    yield from found.values()


def _row(
    parts: list[ClosedPart], group: Group, units: Mapping[Any, UnitMember], names: Mapping[str, tuple[str, str]], until: date
) -> WashSale:
    first = parts[0]
    known = group.known[first.disposal.lot_id]
    code, name = names[known.account_id]
    replacements, unseen = _replacements(parts, group.known, names)
    return WashSale(
        account_id=UUID(known.account_id),
        code=code,
        name=name,
        instrument_id=known.instrument_id,
        symbol=known.symbol,
        sale_date=first.disposal.sale_date,
        quantity=sum((part.quantity for part in parts), ZERO),
        currency=group.currency,
        loss=sum((part.loss for part in parts), ZERO),
        deferred=sum((part.deferred for part in parts), ZERO),
        permanent=sum((part.permanent for part in parts), ZERO),
        replacements=replacements,
        unseen=unseen,
        state=WashState.PROVISIONAL if until < first.final_from else WashState.FINAL,
        final_from=first.final_from,
        rules=_rules(parts, units, is_short=group.is_short),
        is_estimated=group.is_estimated,
    )


def _replacements(
    parts: list[ClosedPart], known: Mapping[Any, Known], names: Mapping[str, tuple[str, str]]
) -> tuple[tuple[Replacement, ...], Decimal]:
    """Return the purchases in sight, each lot once, and what the others took together."""
    seen: dict[object, Replacement] = {}
    unseen = ZERO
    for match in (match for part in parts for match in part.matches):
        account_id = known[match.lot_id].account_id
        if account_id not in names:
            unseen += match.amount
            continue
        before = seen.get(match.lot_id)
        quantity, amount = (before.quantity, before.amount) if before else (ZERO, ZERO)
        seen[match.lot_id] = Replacement(
            UUID(account_id), *names[account_id], match.acquired_date, quantity + match.quantity, amount + match.amount, match.fate
        )
    return tuple(sorted(seen.values(), key=lambda one: (one.bought_on, one.code))), unseen


def _rules(parts: list[ClosedPart], units: Mapping[Any, UnitMember], *, is_short: bool) -> tuple[str, ...]:
    """Return the rules that decided, by what bought: an own account (9; short 14), a sheltered (10), a linked one (11)."""
    found = set()
    for part in parts:
        own = units[part.account_id].account.taxpayer
        for match in part.matches:
            buyer = units[match.account_id].account
            linked = "WASH-11" if buyer.taxpayer != own else "WASH-14" if is_short else "WASH-9"
            found.add("WASH-10" if buyer.is_sheltered else linked)
    return tuple(sorted(found, key=lambda rule: int(rule.partition("-")[2])))
