"""The kill test: real processes, killed at named points; the venue's journal says what really happened (RELIABILITY, Tier B)."""
