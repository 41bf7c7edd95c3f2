"""Reads of execution, inside the caller's tenancy block.

Entry points: `open_child_orders`, `executions_of_parent`, `denied_accounts`, `provisional_shares`, `journey`,
`gateway_states`.
"""

from .blocks import ProvisionalShare, provisional_shares
from .gateways import GatewayState, gateway_states
from .journeys import Step, journey
from .orders import ChildFacts, DeniedAccount, ExecutionFacts, denied_accounts, executions_of_parent, open_child_orders

__all__ = [
    "ChildFacts",
    "DeniedAccount",
    "ExecutionFacts",
    "GatewayState",
    "ProvisionalShare",
    "Step",
    "denied_accounts",
    "executions_of_parent",
    "gateway_states",
    "journey",
    "open_child_orders",
    "provisional_shares",
]
