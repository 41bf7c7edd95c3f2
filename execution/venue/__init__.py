"""The simulated venue and its custodian: paper broker, clockwork of backtests, fault injector of the reliability tests (DESIGN §7).

From the inside out: `setup`, `bars` (inputs) · `matching` (one bar against open orders) · `orders` · `custody` (the custodian's books) ·
`engine` (the venue: commands in, events out) · `journal` · `host` (engine + journal + clock) · `faults`, `session` (one connection) ·
`server` (own process).
"""
