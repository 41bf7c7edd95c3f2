"""Work out what the dashboard shows, before anybody asks: one row an account, one a group (DESIGN §8, PERFORMANCE P7).

Entry points: `refresh_figures` (all or some accounts), `refresh_where_watched` (what beat asks for), `note_visit`.

Invariants
1. Figures are made of the books, quotes and rates of one instant; nothing is decided by them. 2. What cannot be known is NULL with its
reason (CON-5). 3. Totals are the sums of the rows as stored, in whole minor units. 4. A refresh of some accounts changes those rows and all
totals; curves are taken anew once an evening.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
from django.db import connection
from django.db import transaction as database
from numpy.typing import NDArray

from accounts.core.margin import FX, OTHER, SHARE, MarginPositions, margin_used
from accounts.core.scaled import EXPONENT
from accounts.queries.arrays import open_accounts_on
from accounts.queries.columns import NO_ID, Ints, to_uuids, uuid_literal
from accounts.queries.flows import flows_until
from accounts.queries.gains import open_gains, realised_gains
from accounts.queries.standing import Accounts, Standing, exponents_of, position_values, standing_of
from accounts.queries.valuation import MISSING, convert
from base import bulk
from base.core.money import minor_exponent
from governance.core.authority_check import AuthorityAsk
from governance.enums import AuthorityFinding
from governance.queries import authority_verdict, firm_settings
from market import queries as market
from market.enums import InstrumentKind
from risk.core.drawdown import last_reset
from risk.queries.loss import RESET_ZONE

from ..models import AccountFigures, FigureTotals
from ..queries import figure_inputs as inputs
from ..queries.figure_history import EVENINGS, History, history_of
from ..queries.figure_inputs import GROUP_KINDS, AccountFacts
from ..queries.figures import sector_of
from .figure_risk import open_risk_of
from .figure_totals import write_totals

VISIT_COUNTS = timedelta(minutes=5)
VISIT_NOTED = timedelta(seconds=30)
_NULLABLE = f"(NULLIF({{}}, {MISSING})::numeric / 100000000)"
_INSTANT = f"to_timestamp(NULLIF({{}}, {MISSING})::numeric / 1000000)"
_DATE = f"(DATE '1970-01-01' + NULLIF({{}}, {MISSING})::int)"
_KIND = {InstrumentKind.EQUITY: SHARE, InstrumentKind.ETF: SHARE, InstrumentKind.FX: FX}
_LOST = (AuthorityFinding.AUTH_NONE, AuthorityFinding.AUTH_EXPIRED, AuthorityFinding.AUTH_REVOKED)
_UNIT = 10**8
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class FigureFacts:
    """accounts: rows written. unknown: of them without equity."""

    accounts: int
    unknown: int


@dataclass(slots=True, eq=False)
class _Work:
    """One refresh. Money: int64[n], minor units of the account's or (…_to) the reporting currency, MISSING where unknown."""

    accounts: Accounts
    facts: AccountFacts
    currency: str
    now: datetime
    until: date
    standing: Standing
    values: Ints
    rates: Any
    columns: dict[str, Any]

    @property
    def n(self) -> int:
        return len(self.accounts.ids)

    def to(self, minor: Ints) -> Ints:
        """Return amounts of the accounts' currencies in the reporting currency, rounded once."""
        found = np.full(self.n, MISSING)
        for place, name in enumerate(self.accounts.currencies):
            rows = np.flatnonzero((self.accounts.currency == place) & (minor != MISSING))
            if len(rows) and not self.rates.missing[place]:
                rate = _fraction(self.rates, place)
                found[rows] = convert(minor[rows] * 10 ** (EXPONENT - minor_exponent(name)), rate, self.currency)
        return found


def _fraction(rates: Any, place: int) -> Any:
    from fractions import Fraction

    return Fraction(int(rates.num[place]), int(rates.den[place]))


@database.atomic
def refresh_figures(*, now: datetime, account_ids: Sequence[UUID] | None = None, with_history: bool = False) -> FigureFacts:
    """Work out the figures of these accounts (None: all that are open today) and all totals, by books and prices at `now`.

    with_history: take the curves anew even if no evening has come since. Source: ACC-3, ACC-7, ACC-10, ACC-11, RSK-8, RSK-8b, RSK-9.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('figures'), coalesce(current_setting('app.firm', true), '0')::bigint::int)")
    accounts = open_accounts_on(account_ids=account_ids, on=now.date())
    if account_ids is None:
        _forget_others(accounts)
    currency = firm_settings().reporting_currency
    if not len(accounts.ids):
        write_totals(now=now, currency=currency, history=None, sectors=None)
        return FigureFacts(0, 0)
    work = _gathered(accounts, currency, now)
    history = _history(work, with_history) if account_ids is None else None
    _money(work)
    _margin(work)
    risk, why = open_risk_of(accounts=accounts, standing=work.standing, now=now)
    work.columns |= {"open_risk": risk, "open_risk_to": work.to(risk), "risk_reason": why}
    _flags(work)
    _curves(work, history)
    _write(work, history)
    write_totals(
        now=now,
        currency=currency,
        history=None if history is None else _group_history(work, history),
        sectors=_sectors(work) if account_ids is None else None,
    )
    return FigureFacts(work.n, int((work.columns["equity"] == MISSING).sum()))


def _forget_others(accounts: Accounts) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM reporting_accountfigures WHERE NOT account_id = ANY(%s::uuid[])", [uuid_literal(accounts.ids)])


def _gathered(accounts: Accounts, currency: str, now: datetime) -> _Work:
    until = last_reset(now, RESET_ZONE).date()
    flows = flows_until(accounts=accounts, as_of=until + timedelta(days=1))
    standing = standing_of(accounts=accounts, sleeve_id=UUID(bytes=NO_ID), also=flows.instruments, now=now)
    values = position_values(accounts, standing.holdings, standing.prices, standing.rates)
    rates = market.fx_ratios(currencies=list(accounts.currencies), to=currency, now=now, max_age=market.FIXING_MAX_AGE)
    facts = inputs.facts_of(accounts=accounts, on=now.date())
    work = _Work(accounts, facts, currency, now, until, standing, values, rates, {})
    flow, unknown = flows.worth(accounts, now)
    evening, day = inputs.day_starts(accounts=accounts, until=until)
    scale = 10 ** (EXPONENT - exponents_of(accounts.currencies))[accounts.currency]
    fresh = evening == MISSING  # its flows are its start: there is nothing before them to compare with
    start = np.where(fresh, flow, evening // scale)
    work.columns |= {
        "start": np.where(unknown, MISSING, start),
        "flow": np.where(unknown, MISSING, np.where(fresh, 0, flow)),
        "evening": day,
        "scale": scale,
    }
    return work


def _money(work: _Work) -> None:
    """ACC-3, and the day's and the open gain; a gain is a difference of rounded figures, so that parts add up."""
    c, standing = work.columns, work.standing
    open_, unknown_open = open_gains(accounts=work.accounts, now=work.now)
    realised, unknown_realised = realised_gains(accounts=work.accounts, since=work.until + timedelta(days=1), now=work.now)
    c["equity"] = standing.equity
    c["day_start"] = _sum(c["start"], c["flow"])
    c["equity_to"], c["start_to"], c["flow_to"] = work.to(c["equity"]), work.to(c["day_start"]), work.to(c["flow"])
    c["day_pnl"] = _sum(c["equity_to"], -c["start_to"], missing=(c["equity_to"] == MISSING) | (c["start_to"] == MISSING))
    c["day_rate"] = _ratio(c["day_pnl"], c["start_to"])
    c["day_loss"] = np.where(c["day_pnl"] == MISSING, MISSING, np.maximum(-c["day_pnl"], 0))
    c["open_pnl"] = work.to(np.where(unknown_open, MISSING, open_))
    c["realised"] = work.to(np.where(unknown_realised, MISSING, realised))
    gross, net, unvalued = np.zeros(work.n, np.int64), np.zeros(work.n, np.int64), np.zeros(work.n, np.bool_)
    account, valued = standing.holdings.account, work.values != MISSING
    np.add.at(gross, account[valued], np.abs(work.values[valued]))
    np.add.at(net, account[valued], work.values[valued])
    unvalued[account[~valued]] = True
    c["gross"], c["net"] = work.to(np.where(unvalued, MISSING, gross)), work.to(np.where(unvalued, MISSING, net))
    c["positions"] = np.bincount(account[standing.holdings.quantity != 0], minlength=work.n).astype(np.int64)


def _sum(a: Ints, b: Ints, missing: Bools | None = None) -> Ints:
    unknown = (a == MISSING) | (b == MISSING) if missing is None else missing
    return np.where(unknown, MISSING, np.where(unknown, 0, a) + np.where(unknown, 0, b))


def _ratio(top: Ints, bottom: Ints) -> Ints:
    """Return top / bottom in 10⁻⁸, MISSING where one is, or there is nothing to divide by."""
    unknown = (top == MISSING) | (bottom == MISSING) | (bottom <= 0)
    quotient = np.where(unknown, 0.0, top) / np.where(unknown, 1.0, bottom)
    return np.where(unknown | (np.abs(quotient) > 1e9), MISSING, np.rint(np.clip(quotient, -1e9, 1e9) * _UNIT)).astype(np.int64)


def _margin(work: _Work) -> None:
    """ACC-7, ACC-10: maintenance margin, and its share of equity (the inverse of RSK-8's level)."""
    holdings, prices = work.standing.holdings, work.standing.prices
    known = market.instruments(prices.ids.tolist())
    kind = np.array([_KIND.get(InstrumentKind(known[one].kind), OTHER) for one in prices.ids.tolist()], np.int8)
    place = np.searchsorted(prices.ids, holdings.instrument)
    per_share = _per_share(work, place)
    unvalued = work.values == MISSING
    positions = MarginPositions(
        holdings.account, kind[place] if len(place) else np.zeros(0, np.int8), np.where(unvalued, 0, work.values), per_share
    )
    used, silent = margin_used(positions, work.facts.terms)
    asked = np.array([one is not None for one in work.facts.terms], np.bool_)
    blind = np.zeros(work.n, np.bool_)
    blind[holdings.account[unvalued]] = True
    reasons = list(work.facts.margin_reason)
    for i in np.flatnonzero(asked & (silent | blind)).tolist():
        reasons[i] = "A holding has no price or rate" if blind[i] else "A holding has no margin rate on record"
    work.columns["margin_used"] = np.where(asked & ~silent & ~blind, used, MISSING)
    work.columns["margin_rate"] = _ratio(work.columns["margin_used"], work.columns["equity"])
    work.columns["margin_reason"] = reasons
    work.columns["symbols"] = {one: known[one].symbol for one in prices.ids.tolist()}


def _per_share(work: _Work, place: Ints) -> Ints:
    """Return the least maintenance of each short position: $5 a share, or what the house asks."""
    from fractions import Fraction

    accounts, holdings, prices = work.accounts, work.standing.holdings, work.standing.prices
    found = np.zeros(len(place), np.int64)
    for row in np.flatnonzero(holdings.quantity < 0).tolist():
        account = int(holdings.account[row])
        terms, base = work.facts.terms[account], accounts.currencies[int(accounts.currency[account])]
        rate = work.standing.rates.rate.get((prices.currencies[int(prices.currency[place[row]])], base, bool(accounts.paper[account])))
        if terms is not None and rate is not None:
            found[row] = convert(-holdings.quantity[row : row + 1], Fraction(terms.short_per_share) * rate, base)[0]
    return found


def _flags(work: _Work) -> None:
    c, accounts, facts = work.columns, work.accounts, work.facts
    verdict = authority_verdict(
        account_ids=to_uuids(accounts.ids),
        account_classes=facts.labels["account_class"],
        base_currencies=[accounts.currencies[i] for i in accounts.currency.tolist()],
        ask=AuthorityAsk(instrument_kind=InstrumentKind.EQUITY, symbols=("",), opens=True),
        now=work.now,
    )
    c["authority"] = [verdict.reason(i)[:200] if verdict.finding(i) in _LOST else "" for i in range(work.n)]
    c["block"] = inputs.blocks_of(accounts=accounts, now=work.now)
    c["breaks"] = inputs.open_breaks_of(accounts=accounts)
    c["activity"] = inputs.activity_of(accounts=accounts, since=last_reset(work.now, RESET_ZONE), now=work.now)
    c["is_short_of_cash"] = (work.standing.available != MISSING) & (work.standing.available < 0)
    c["reason"] = inputs.unpriced_words(accounts=accounts, standing=work.standing, symbols=c["symbols"])
    limits = np.array([np.nan if one is None else one for one in facts.loss_limit])
    loss = np.where(
        (c["day_loss"] == MISSING) | (c["start_to"] == MISSING) | (c["start_to"] <= 0), np.nan, c["day_loss"] / np.maximum(c["start_to"], 1)
    )
    use = loss / limits
    c["loss_use"] = np.where(np.isfinite(use), np.rint(np.nan_to_num(use) * _UNIT), float(MISSING)).astype(np.int64)
    c["loss_use"][~np.isfinite(use)] = MISSING
    c["priced_at"] = _oldest_price(work)
    c["attention"] = _attention(work)


def _attention(work: _Work) -> Ints:
    """Return how loud each account's flags are, for sorting: authority 16, a block 8, no figures 4, loss or margin 2, cash and breaks 1."""
    c = work.columns
    marks = np.array([16 * bool(lost) + 8 * bool(mode) for lost, (mode, _) in zip(c["authority"], c["block"], strict=True)], np.int64)
    tight = (c["margin_rate"] > _UNIT // 2) | (c["loss_use"] >= _UNIT * 6 // 10)
    return marks + 4 * (c["equity"] == MISSING) + 2 * tight + ((c["breaks"] > 0) | c["is_short_of_cash"])


def _oldest_price(work: _Work) -> Ints:
    """Return the instant of the oldest price behind each account's figures, in microseconds, MISSING where it holds nothing priced."""
    prices, holdings = work.standing.prices, work.standing.holdings
    instants = np.full(len(prices.ids), np.iinfo(np.int64).max)
    for place, one in enumerate(prices.ids.tolist()):
        if source := prices.sources.get(one):
            instants[place] = _micros(datetime.fromisoformat(source.rsplit("@", 1)[1]))
    oldest = np.full(work.n, np.iinfo(np.int64).max)
    if len(holdings.account):
        np.minimum.at(oldest, holdings.account, instants[np.searchsorted(prices.ids, holdings.instrument)])
    return np.where(oldest == np.iinfo(np.int64).max, MISSING, oldest)


def _micros(instant: datetime) -> int:
    return (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def _group_places(work: _Work) -> tuple[Ints, list[tuple[str, str]]]:
    """Return int64[k, n], the groups each account is counted in, and the (kind, label) of each group; the first is the firm."""
    names: list[tuple[str, str]] = [("FIRM", "")]
    rows = [np.zeros(work.n, np.int64)]
    for kind in GROUP_KINDS:
        legend, place = np.unique(np.array(work.facts.labels[kind], dtype=np.str_), return_inverse=True)
        rows.append(place.astype(np.int64) + len(names))
        names += [(kind, label) for label in legend.tolist()]
    return np.array(rows), names


def _history(work: _Work, forced: bool) -> History | None:
    """Return the curves if an evening has come that they do not know, or an account has none yet."""
    newest = inputs.last_evening(until=work.until)
    if newest is None:
        return None
    stored = FigureTotals.objects.filter(kind="FIRM").values_list("history_on", flat=True).first()
    new = AccountFigures.objects.count() < work.n
    if stored is not None and stored >= newest and not new and not forced:
        return None
    groups, names = _group_places(work)
    exponents = exponents_of(work.accounts.currencies)[work.accounts.currency]
    to_rate = np.array(
        [0.0 if missing else num / den for num, den, missing in zip(work.rates.num, work.rates.den, work.rates.missing, strict=True)]
    )
    return history_of(
        accounts=work.accounts,
        groups=groups,
        count=len(names),
        to_rate=to_rate[work.accounts.currency],
        minor=np.power(10.0, exponents).astype(np.float64),
        to_minor=10.0 ** minor_exponent(work.currency),
        until=work.until,
    )


def _group_history(work: _Work, history: History) -> dict[tuple[str, str], dict[str, Any]]:
    """Return what totals keep of their curves, by (kind, label)."""
    _, names = _group_places(work)
    newest = inputs.last_evening(until=work.until)
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for place, name in enumerate(names):
        unit, peak = float(history.groups.unit[place]), float(history.groups.peak[place])
        found[name] = {"unit": unit, "peak": peak, "points": history.group_points[place].tolist(), "history_on": newest, "curve": {}}
    found["FIRM", ""]["curve"] = {
        "days": [day.isoformat() for day in history.days],
        "equity": [round(value, 2) for value in history.equity],
        "drawdown": [round(value, 6) for value in history.drawdown],
    }
    return found


def _curves(work: _Work, history: History | None) -> None:
    """RSK-9: the unit value now, from the last evening's and the growth since."""
    c = work.columns
    if history is not None:
        unit, peak = history.accounts.unit, history.accounts.peak
        c["unit"], c["peak"] = unit, peak
    else:
        kept = {row[0].bytes: row[1:] for row in AccountFigures.objects.values_list("account_id", "unit", "peak")}
        pairs = [kept.get(one, (1, 1)) for one in work.accounts.ids.tolist()]
        unit, peak = np.array([float(a) for a, _ in pairs]), np.array([float(b) for _, b in pairs])
    known = (c["equity"] != MISSING) & (c["start"] != MISSING) & (c["flow"] != MISSING)
    before = np.where(known, c["start"], 1).astype(np.float64)
    growth = np.where(
        known & (before > 0), (np.where(known, c["equity"], 0) - np.where(known, c["flow"], 0)) / np.where(before > 0, before, 1.0), 1.0
    )
    level = unit * np.maximum(growth, 0.0)
    fall = 1.0 - level / np.maximum(peak, level)
    c["drawdown"] = np.where(known, np.rint(np.clip(fall, 0.0, 1.0) * _UNIT), float(MISSING)).astype(np.int64)
    c["drawdown"][~known] = MISSING


def _scaled(minor: Ints, scale: Any) -> bulk.Integers:
    known = minor != MISSING
    return bulk.Integers(np.where(known, np.where(known, minor, 0) * scale, MISSING), _NULLABLE)


def _texts(values: Sequence[str]) -> bulk.Texts:
    return bulk.Texts(np.array([value.replace("\0", "").encode() for value in values], dtype=np.bytes_))


def _write(work: _Work, history: History | None) -> None:
    c, accounts, facts = work.columns, work.accounts, work.facts
    to_scale = 10 ** (EXPONENT - minor_exponent(work.currency))
    own, activity = ("equity", "day_start", "margin_used", "open_risk"), c["activity"]
    to = ("equity_to", "start_to", "flow_to", "day_pnl", "day_loss", "open_pnl", "realised", "gross", "net", "open_risk_to")
    ratios = ("day_rate", "margin_rate", "drawdown", "loss_use")
    at, place = [None if one is None else _micros(one) for one in work.rates.as_of], accounts.currency
    rate_at = np.array([MISSING if one is None else one for one in at], np.int64)
    rate = np.array(
        [
            MISSING if m else round(int(n) * _UNIT / int(d))
            for n, d, m in zip(work.rates.num, work.rates.den, work.rates.missing, strict=True)
        ],
        np.int64,
    )
    columns: dict[str, Any] = {
        "account_id": bulk.Uuids(accounts.ids),
        "code": _texts(facts.codes),
        "name": _texts(facts.names),
        **{kind: _texts(facts.labels[kind]) for kind in GROUP_KINDS},
        "connection_id": bulk.Uuids(facts.connections),
        "custodian_id": bulk.Uuids(facts.custodians),
        "currency_to": work.currency,
        "rate": bulk.Integers(rate[place], _NULLABLE),
        "rate_label": _texts([work.rates.labels[i][:120] for i in place.tolist()]),
        "rate_as_of": bulk.Integers(rate_at[place], _INSTANT),
        **{name: _scaled(c[name], c["scale"]) for name in own},
        **{name: _scaled(c[name], to_scale) for name in to},
        **{name: bulk.Integers(c[name], _NULLABLE) for name in ratios},
        "margin_reason": _texts([one[:80] for one in c["margin_reason"]]),
        "risk_reason": _texts([one[:80] for one in c["risk_reason"]]),
        "positions": bulk.Integers(c["positions"]),
        "orders": bulk.Integers(activity.orders),
        "fills": bulk.Integers(activity.fills),
        "working": bulk.Integers(activity.working),
        "breaks": bulk.Integers(c["breaks"]),
        "block": _texts([mode for mode, _ in c["block"]]),
        "block_reason": _texts([reason for _, reason in c["block"]]),
        "authority": _texts(c["authority"]),
        "attention": bulk.Integers(c["attention"]),
        "is_short_of_cash": bulk.Booleans(c["is_short_of_cash"]),
        "reason": _texts(c["reason"]),
        "priced_at": bulk.Integers(c["priced_at"], _INSTANT),
        "computed_at": work.now,
    }
    if history is not None:
        columns["points"] = bulk.IntegerArrays(history.points)
        columns["unit"] = bulk.Integers(_ratios(history.accounts.unit), _NULLABLE)
        columns["peak"] = bulk.Integers(_ratios(history.accounts.peak), _NULLABLE)
        columns["history_on"] = bulk.Integers(history.until, _DATE)
    fields = {field.attname: field.column for field in AccountFigures._meta.local_concrete_fields}
    again = ", ".join(f"{fields[name]} = excluded.{fields[name]}" for name in columns if name != "account_id")
    bulk.insert(AccountFigures, work.n, columns, on_conflict=f"ON CONFLICT (firm_id, account_id) DO UPDATE SET {again}")


def _ratios(values: Floats) -> Ints:
    return np.rint(np.minimum(values, 1e9) * _UNIT).astype(np.int64)


def _sectors(work: _Work) -> list[list[Any]]:
    """Return [sector, long, short] of the firm in minor units of the reporting currency, the largest first."""
    holdings, prices = work.standing.holdings, work.standing.prices
    known = market.instruments(prices.ids.tolist())
    per_position = np.zeros(len(work.values), np.int64)
    for place, name in enumerate(work.accounts.currencies):
        rows = np.flatnonzero((work.accounts.currency[holdings.account] == place) & (work.values != MISSING))
        if len(rows) and not work.rates.missing[place]:
            per_position[rows] = convert(
                work.values[rows] * 10 ** (EXPONENT - minor_exponent(name)), _fraction(work.rates, place), work.currency
            )
    sums: dict[str, list[int]] = {}
    for one in prices.ids.tolist():
        value = int(per_position[holdings.instrument == one].sum())
        side = sums.setdefault(sector_of(known[one]), [0, 0])
        side[0 if value >= 0 else 1] += value
    ranked = sorted(((name, long, short) for name, (long, short) in sums.items()), key=lambda row: row[2] - row[1])
    return [list(row) for row in ranked if row[1] or row[2]]


def note_visit(*, now: datetime) -> None:
    """Remember that somebody looks at the firm's dashboard, so that its figures are kept fresh; at most twice a minute."""
    FigureTotals.objects.filter(kind="FIRM").exclude(seen_at__gt=now - VISIT_NOTED).update(seen_at=now)


def work_out_first(*, now: datetime) -> bool:
    """Work the figures out where nobody ever has: an empty dashboard would say that there are no accounts. Return whether it was so."""
    if FigureTotals.objects.filter(kind="FIRM").exists():
        return False
    refresh_figures(now=now)
    return True


def refresh_where_watched(*, now: datetime) -> bool:
    """Refresh the open firm if somebody looked lately, an evening has come, or it has no figures yet; return whether it was."""
    firm = FigureTotals.objects.filter(kind="FIRM").values_list("seen_at", "history_on").first()
    until = last_reset(now, RESET_ZONE).date()
    newest = inputs.last_evening(until=until)
    watched = firm is not None and firm[0] is not None and firm[0] > now - VISIT_COUNTS
    behind = firm is None or (newest is not None and (firm[1] is None or firm[1] < newest))
    if not (watched or behind):
        return False
    refresh_figures(now=now)
    return True


__all__ = ["EVENINGS", "FigureFacts", "note_visit", "refresh_figures", "refresh_where_watched", "work_out_first"]
