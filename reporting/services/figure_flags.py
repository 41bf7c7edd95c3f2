"""What asks for attention in an account: lost authority, blocks, breaks, tight limits, old prices.

Entry point: `flags`, after the money and margin columns.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np

from accounts.queries.columns import Ints, to_uuids
from accounts.queries.valuation import MISSING
from governance.core.authority_check import AuthorityAsk
from governance.enums import AuthorityFinding
from governance.queries import authority_verdict
from market.enums import InstrumentKind
from risk.core.drawdown import last_reset
from risk.queries.loss import RESET_ZONE

from ..queries import figure_inputs as inputs
from .figure_work import UNIT, Work, micros

_LOST = (AuthorityFinding.AUTH_NONE, AuthorityFinding.AUTH_EXPIRED, AuthorityFinding.AUTH_REVOKED)
# Another machine's clock may go ahead of ours. What it has written counts: once its mark is taken, nothing asks again.
CLOCKS_APART = timedelta(seconds=5)
TOO_LARGE = "Its equity is larger than the books can hold"


def flags(work: Work) -> None:
    """Fill what each account is flagged for, and how loudly."""
    c, accounts, facts = work.columns, work.accounts, work.facts
    verdict = authority_verdict(
        account_ids=to_uuids(accounts.ids),
        account_classes=facts.labels["account_class"],
        base_currencies=[accounts.currencies[i] for i in accounts.currency.tolist()],
        ask=AuthorityAsk(instrument_kind=InstrumentKind.EQUITY, symbols=("",), opens=True),
        now=work.now,
    )
    c["authority"] = [verdict.reason(i)[:200] if verdict.finding(i) in _LOST else "" for i in range(work.n)]
    told = work.now + CLOCKS_APART
    c["block"] = inputs.blocks_of(accounts=accounts, now=told)
    c["breaks"] = inputs.open_breaks_of(accounts=accounts)
    c["activity"] = inputs.activity_of(accounts=accounts, since=last_reset(work.now, RESET_ZONE), now=told)
    c["is_short_of_cash"] = (work.standing.available != MISSING) & (work.standing.available < 0)
    c["reason"] = inputs.unpriced_words(accounts=accounts, standing=work.standing, symbols=c["symbols"])
    for i in np.flatnonzero((c["equity"] == MISSING) & (work.standing.equity != MISSING)).tolist():
        c["reason"][i] = TOO_LARGE
    limits = np.array([np.nan if one is None else one for one in facts.loss_limit])
    loss = np.where(
        (c["day_loss"] == MISSING) | (c["start_to"] == MISSING) | (c["start_to"] <= 0), np.nan, c["day_loss"] / np.maximum(c["start_to"], 1)
    )
    use = loss / limits
    c["loss_use"] = np.where(np.isfinite(use), np.rint(np.nan_to_num(use) * UNIT), float(MISSING)).astype(np.int64)
    c["loss_use"][~np.isfinite(use)] = MISSING
    c["priced_at"] = _oldest_price(work)
    c["attention"] = _attention(work)


def _attention(work: Work) -> Ints:
    """Return how loud each account's flags are, for sorting: authority 16, a block 8, no figures 4, loss or margin 2, cash and breaks 1."""
    c = work.columns
    marks = np.array([16 * bool(lost) + 8 * bool(mode) for lost, (mode, _) in zip(c["authority"], c["block"], strict=True)], np.int64)
    uncovered = (c["margin_used"] > 0) & (c["equity"] != MISSING) & (c["margin_rate"] == MISSING)
    tight = (c["margin_rate"] > UNIT // 2) | uncovered | (c["loss_use"] >= UNIT * 6 // 10)
    return marks + 4 * (c["equity"] == MISSING) + 2 * tight + ((c["breaks"] > 0) | c["is_short_of_cash"])


def _oldest_price(work: Work) -> Ints:
    """Return the instant of the oldest price behind each account's figures, in microseconds, MISSING where it holds nothing priced."""
    prices, holdings = work.standing.prices, work.standing.holdings
    instants = np.full(len(prices.ids), np.iinfo(np.int64).max)
    for place, one in enumerate(prices.ids.tolist()):
        if source := prices.sources.get(one):
            instants[place] = micros(datetime.fromisoformat(source.rsplit("@", 1)[1]))
    oldest = np.full(work.n, np.iinfo(np.int64).max)
    if len(holdings.account):
        np.minimum.at(oldest, holdings.account, instants[np.searchsorted(prices.ids, holdings.instrument)])
    return np.where(oldest == np.iinfo(np.int64).max, MISSING, oldest)
