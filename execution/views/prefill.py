"""A ticket to start with: from the address, or from an earlier release, repeated or reversed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from uuid import UUID

from django.http import QueryDict

from allocation.core.words import BY_METHOD
from allocation.enums import CustomKind, SizingMethod
from allocation.queries import StrategyChoice
from allocation.queries.visible import visible_signals
from base.errors import NotFound
from governance.core.subjects import Viewer
from market.enums import Side

from ..forms import TicketForm, new_key
from ..queries.release_rows import ReleaseStory
from ..queries.releases import release_story


def prefilled(query: QueryDict, viewer: Viewer, strategies: Sequence[StrategyChoice]) -> tuple[TicketForm, str]:
    """Return the form and a line that says where it comes from.

    query: `symbol`, `side`, `method`, `figure`, `accounts`, `strategy` …, or `from` a journey, with `reverse=1` to undo what it filled.
    Raises NotFound for a release that is not in sight.
    """
    form = TicketForm.of(query)
    title = ""
    if query.get("from"):
        form, title = _from_release(query, viewer)
    if not form.strategy and strategies:
        form = replace(form, strategy=strategies[0].code)
    return replace(form, key=new_key()), title


def _from_release(query: QueryDict, viewer: Viewer) -> tuple[TicketForm, str]:
    try:
        journey_id = UUID(str(query["from"]))
    except ValueError:
        raise NotFound("release") from None
    story = release_story(journey_id=journey_id, viewer=viewer, most=None)
    signal = visible_signals(viewer).select_related("strategy").get(journey_id=journey_id)
    form = TicketForm(symbol=story.symbol, strategy=signal.strategy.code)
    if not query.get("reverse"):
        form = replace(
            form,
            order_type=signal.order_type,
            limit_price=_price(signal.limit_price),
            time_in_force=signal.time_in_force,
            route=signal.route,
            protect="yes" if signal.protect else "",
            stop_price=_price(signal.stop_price),
            take_profit_price=_price(signal.take_profit_price),
        )
    if query.get("reverse"):
        return replace(form, method=SizingMethod.CUSTOM.value, per_account=_reversed(story)), f"Reverse of {story.symbol}: what was filled"
    if story.method is SizingMethod.CUSTOM:
        listed = "\n".join(_lines(story, signal.per_account))
        return replace(form, method=story.method.value, per_account=listed), f"Repeat of {story.symbol}"
    words = BY_METHOD[story.method]
    figure = abs(story.figure or Decimal(0)) * (100 if words.is_rate else 1)
    side = "sell" if (story.figure or 0) < 0 else "buy"
    accounts = query.get("accounts", "") or ",".join(str(account) for account in signal.account_ids)
    pick = "only" if accounts else "all"
    form = replace(form, method=story.method.value, side=side, figure=f"{figure.normalize():f}", accounts=accounts, pick=pick)
    return form, f"Repeat of {story.symbol}"


def _price(price: Decimal | None) -> str:
    return "" if price is None else f"{price.normalize():f}"


def _reversed(story: ReleaseStory) -> str:
    """Return the opposite of what every account was filled, as a custom list."""
    parts = [part for lane in story.lanes for part in lane.rows if part.filled]
    return "\n".join(
        f"{part.code},quantity,{(-part.filled if Side(part.side).is_buy else part.filled).normalize():f}" for part in parts if part.filled
    )


def _lines(story: ReleaseStory, listed: dict[str, list[str]]) -> list[str]:
    codes = {str(part.account_id): part.code for part in [*(p for lane in story.lanes for p in lane.rows), *story.never_ordered]}
    return [f"{codes[account]},{kind},{_typed(kind, figure)}" for account, (kind, figure) in listed.items() if account in codes]


def _typed(kind: str, figure: str) -> str:
    """Return a figure of a list as a person types it: a rate in percent."""
    return figure if kind == CustomKind.QUANTITY else f"{(Decimal(figure) * 100).normalize():f}%"
