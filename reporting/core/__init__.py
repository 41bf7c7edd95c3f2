"""Pure reporting rules: performance, fees, drawdown, the monthly statement. No Django, no clock, no I/O."""
