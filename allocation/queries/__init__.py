"""Reads of allocation, inside the caller's tenancy block."""

from .statements import StatementLines, left_out, released_statement, signal_of, sleeve_of, statement_lines
from .targets import Follower, StrategyChoice, strategies_of_sleeves, strategy_of_code, tradable_followers, tradable_strategies

__all__ = [
    "Follower",
    "StatementLines",
    "StrategyChoice",
    "left_out",
    "released_statement",
    "signal_of",
    "sleeve_of",
    "statement_lines",
    "strategies_of_sleeves",
    "strategy_of_code",
    "tradable_followers",
    "tradable_strategies",
]
