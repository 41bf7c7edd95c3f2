"""The simulated venue and its custodian: paper broker, clockwork of backtests, fault injector of the reliability tests (DESIGN §7).

From the inside out: `setup`, `bars`, `calendar` (inputs) · `matching` (one bar against open orders) · `orders`, `book`, `executions` ·
`custody` (the custodian's books) · `order_desk`, `commands` (what can be asked of it) · `engine` (commands in, events out) · `quotes` ·
`journal` · `host` (engine + journal + clock) · `faults`, `service` (requests in, answers out) · `server`, `launch` (a process of its own).
"""
