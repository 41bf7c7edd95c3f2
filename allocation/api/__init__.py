"""Strategies, signals, previews and plans over HTTP."""

from .plans import PlanDetail, PlanLineList, PlanList
from .signals import SignalDetail, SignalList, SignalPreview, StrategyList

__all__ = ["PlanDetail", "PlanLineList", "PlanList", "SignalDetail", "SignalList", "SignalPreview", "StrategyList"]
