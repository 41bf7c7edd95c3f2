"""Writes of risk. Each runs inside the caller's tenancy block and takes `now`.

Entry points: `set_firm_limit`, `gate_one`, `gate_one_many`, `gate_two`.
"""

from risk.core.findings import Finding
from risk.queries.gate_one import ParentFacts
from risk.queries.rows import Gate2Order, Gate2Rows, GateTwoAnswer

from .gate_one import gate_one, gate_one_many
from .gate_two import gate_two
from .limits import NeedsSecondPerson, UnableToSetLimit, change_firm_limit, limit_hash, request_limit, set_firm_limit

__all__ = [
    "Finding",
    "Gate2Order",
    "Gate2Rows",
    "GateTwoAnswer",
    "NeedsSecondPerson",
    "ParentFacts",
    "UnableToSetLimit",
    "change_firm_limit",
    "gate_one",
    "gate_one_many",
    "gate_two",
    "limit_hash",
    "request_limit",
    "set_firm_limit",
]
