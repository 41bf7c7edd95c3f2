"""The rules of governance on plain values: authority, mandates, restrictions, kill switch, approvals, audit chain, alerts.

No Django, no clock, no I/O.
"""
