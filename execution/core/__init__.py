"""Pure rules of execution: order lifecycle, routing, slicing, fair sharing, booking. No Django, no clock, no I/O."""
