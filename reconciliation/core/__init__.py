"""The rules of reconciliation as pure functions on values: no Django, no clock, no I/O."""
