"""Reads of allocation, inside the caller's tenancy block."""

from .statements import StatementLines, left_out, released_statement, sleeve_of, statement_lines

__all__ = ["StatementLines", "left_out", "released_statement", "sleeve_of", "statement_lines"]
