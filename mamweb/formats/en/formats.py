"""Dates as the house writes them: the month a word, the day's 24 hours."""

DATE_FORMAT, DATETIME_FORMAT, TIME_FORMAT = "j M Y", "j M Y H:i:s", "H:i:s"
