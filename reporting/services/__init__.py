"""Writes of reporting: statements of one account, of a month, and their download; the dashboard's figures and saved views."""

from .download import StatementFile, download_statement
from .figures import FigureFacts, note_visit, refresh_changed, refresh_figures, refresh_where_watched, work_out_first
from .monthly import Progress, due_accounts, last_month, month_bounds, report_failure, state_month
from .statements import UnableToMakeStatement, make_statement

__all__ = [
    "FigureFacts",
    "Progress",
    "StatementFile",
    "UnableToMakeStatement",
    "download_statement",
    "due_accounts",
    "last_month",
    "make_statement",
    "month_bounds",
    "note_visit",
    "refresh_changed",
    "refresh_figures",
    "refresh_where_watched",
    "report_failure",
    "state_month",
    "work_out_first",
]
