"""Reads of reporting: the books of one account as of two dates (`books`), prices and rates (`valuation`), documents (`documents`)."""
