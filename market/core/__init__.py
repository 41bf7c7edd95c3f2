"""Pure market rules: instruments, bars, calendars, foreign exchange, the generated market. No Django, no clock, no files."""
