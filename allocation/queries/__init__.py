"""Reads of allocation, inside the caller's tenancy block."""

from .statements import StatementLines, released_statement, sleeve_of, statement_lines

__all__ = ["StatementLines", "released_statement", "sleeve_of", "statement_lines"]
