"""What an alert means and what to do about it, in plain words, by the rule it names.

Entry point: `advice`. Invariant: every rule has an answer; one that nobody wrote a word for says where to look.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Advice:
    """meaning: what is the matter and what the house does meanwhile. steps: what a person does, in order."""

    meaning: str
    steps: tuple[str, ...]


_WORDS: Mapping[str, Advice] = MappingProxyType(
    {
        "RTE-7": Advice(
            "The broker has not said what became of an order, or said no. An order without an answer is never sent again; until it is "
            "answered it counts as filled against every limit, and its cash stays reserved.",
            ("Look at the order's journey.", "Ask the broker's desk what it holds.", "Wait for the answer, or replace it with two people."),
        ),
        "I3": Advice(
            "The broker corrected or reported an execution that does not fit what was recorded. What was booked before stays in the open.",
            ("Open the order's journey and compare its executions.", "Reconcile the account with the custodian's next file."),
        ),
        "I5": Advice(
            "More was filled than was ordered. The surplus is booked, because the account owns it, and is alarmed.",
            ("Call the broker about the surplus.", "Close it, or keep it with the owner's word.", "Keep the broker's answer as evidence."),
        ),
        "ALC-3": Advice(
            "The shares of a block could not be booked as planned. Accounts see provisional shares until the block is settled.",
            (
                "Open the journey and see which account stands out.",
                "Correct what keeps the share from booking; it is tried again by itself.",
            ),
        ),
        "RTE-3": Advice(
            "A plan over time could not go on as scheduled. What was filled stays; the rest is not chased.",
            ("Open the journey.", "Cancel the rest, or leave it to the next slice."),
        ),
        "CON-5": Advice(
            "Something needed to judge an order was missing, so opening orders were refused. Closing goes on.",
            ("See which figure is missing.", "Bring the feed or the file back; nothing else has to be done."),
        ),
        "REC-1": Advice(
            "A custodian's file is missing, late or not whole. Accounts nobody reported are not proven, and close to new risk at the next open.",
            ("Open Reconciliation and see which custodian.", "Ask the custodian for the file, or load it by hand.", "Run the day again."),
        ),
        "REC-6": Advice(
            "A material difference with the custodian is not resolved. The account may only reduce until it is resolved or waived by two people.",
            ("Open the break.", "Resolve it by a typed entry with evidence, or waive it with an end.", "A second person approves either."),
        ),
        "GOV-2": Advice(
            "An authority has ended or is about to. Without it the account is left out of every block and its working orders are canceled.",
            ("Open the authority.", "Ask the owner for a renewal, signed by everybody who must sign.", "Have it recorded before the end."),
        ),
        "GOV-3": Advice(
            "An account lost its authority while orders were working. They are canceled; positions stay until the client says otherwise.",
            ("Tell the client.", "Record a new authority, or the client's instruction to close."),
        ),
        "GOV-10": Advice(
            "Somebody stopped trading. Nothing new is sent and working orders are canceled; positions stay.",
            ("Read the reason on the kill switch page.", "Remove the cause.", "Two people re-arm: one asks, another confirms."),
        ),
        "RSK-9": Advice(
            "The account's or the firm's loss of the day is close to its limit, or past it.",
            ("See the account's positions.", "Reduce, or stop the account."),
        ),
        "I2": Advice(
            "Something that was sent got no answer in time. It is asked about, never repeated.",
            ("Look at the connection.", "If it stays silent, stop the connection with the kill switch."),
        ),
    }
)
_FAMILIES: Mapping[str, Advice] = MappingProxyType(
    {
        "RSK": Advice(
            "A limit is nearly used or a gate refused an order because of one. Closing goes on.",
            ("Open the exposure page.", "Reduce what fills the limit, or ask for a second person's approval where the rule allows it."),
        ),
        "MAR": Advice("Margin is short or close to it.", ("See the account's margin.", "Reduce, or have money paid in.")),
        "CST": Advice("A constraint kept an order smaller, or out.", ("Open the journey and read the binding rule.",)),
        "ALC": Advice("Sharing a fill among accounts needs a look.", ("Open the journey and compare the shares.",)),
        "RTE": Advice("Sending or pricing an order met an obstacle.", ("Open the journey.", "Look at the connection.")),
        "REC": Advice("The custodian's books and ours differ.", ("Open Reconciliation.",)),
        "GOV": Advice("A rule of the house needs a person.", ("Open Approvals and Authorities.",)),
    }
)
_ELSE = Advice("Something happened that somebody must know.", ("Follow the links below.", "Ask risk if it is not plain."))


def advice(rule: str) -> Advice:
    """Return what a rule's alert means.

    >>> advice("GOV-10").steps[0]
    'Read the reason on the kill switch page.'
    >>> advice("RSK-77").meaning == advice("RSK-1").meaning
    True
    """
    return _WORDS.get(rule) or _FAMILIES.get(rule.split("-")[0]) or _ELSE
