"""Pure core of accounts: ledger, lots, cash, settlement, relationships, reservations, projections. No Django, no clock, no I/O."""
