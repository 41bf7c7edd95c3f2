"""Pure rules of risk: gates 1 and 2, exposure, VaR, margin, drawdown, alerts. No Django, no clock, no I/O."""
