"""Pure foundations: money, exact splitting, ids, clock. No Django, no I/O."""
