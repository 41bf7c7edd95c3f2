"""Reads of execution, inside the caller's tenancy block.

Entry points: `open_child_orders`, `executions_of_parent`, `denied_accounts`, `provisional_shares`, `journey`,
`gateway_states`, `connection_health`, `lamp_words`.
"""

from .blocks import ProvisionalShare, provisional_shares
from .gateways import GatewayState, gateway_states
from .health import ConnectionHealth, connection_health, lamp_words
from .journeys import Step, journey
from .orders import ChildFacts, DeniedAccount, ExecutionFacts, denied_accounts, executions_of_parent, open_child_orders

__all__ = [
    "ChildFacts",
    "ConnectionHealth",
    "DeniedAccount",
    "ExecutionFacts",
    "GatewayState",
    "ProvisionalShare",
    "Step",
    "connection_health",
    "denied_accounts",
    "executions_of_parent",
    "gateway_states",
    "journey",
    "lamp_words",
    "open_child_orders",
    "provisional_shares",
]
