"""Reads of allocation, inside the caller's tenancy block."""

from .statements import StatedSignal, StatementLines, left_out, released_statement, signal_of, sleeve_of, stated_signals, statement_lines
from .targets import Follower, StrategyChoice, strategies_of_sleeves, strategy_of_code, tradable_followers, tradable_strategies

__all__ = [
    "Follower",
    "StatedSignal",
    "StatementLines",
    "StrategyChoice",
    "left_out",
    "released_statement",
    "signal_of",
    "sleeve_of",
    "stated_signals",
    "statement_lines",
    "strategies_of_sleeves",
    "strategy_of_code",
    "tradable_followers",
    "tradable_strategies",
]
