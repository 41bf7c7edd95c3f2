"""A booking in words.

Entry point: `activity`.
"""

from __future__ import annotations

from reporting.core.statement_inputs import Transaction
from reporting.enums import TransactionKind
from reporting.statements.figures import short_day

KIND_WORDS = {
    TransactionKind.BUY: "Bought",
    TransactionKind.SELL: "Sold",
    TransactionKind.CORPORATE_ACTION: "Corporate action",
    TransactionKind.DIVIDEND: "Dividend",
    TransactionKind.INTEREST: "Interest",
    TransactionKind.FUNDING: "Funding",
    TransactionKind.WITHHOLDING_TAX: "Tax withheld",
    TransactionKind.MANAGEMENT_FEE: "Management fee",
    TransactionKind.PERFORMANCE_FEE: "Performance fee",
    TransactionKind.OTHER_FEE: "Fee",
    TransactionKind.DEPOSIT: "Deposit",
    TransactionKind.WITHDRAWAL: "Withdrawal",
    TransactionKind.TRANSFER_IN: "Transfer in",
    TransactionKind.TRANSFER_OUT: "Transfer out",
    TransactionKind.FX: "Currency exchange",
    TransactionKind.ADJUSTMENT: "Correction",
}


def activity(t: Transaction) -> tuple[str, str]:
    """Return the words of a booking and its quieter remarks."""
    traded = t.kind in (TransactionKind.BUY, TransactionKind.SELL)
    words = (" " if traded else ", ").join(part for part in (KIND_WORDS[t.kind], t.description) if part)
    remarks = []
    if t.settle_date is not None and t.settle_date != t.booked_date:
        remarks.append(f"settles {short_day(t.settle_date).lstrip('0')}")
    return words, ", ".join(remarks)
