"""Readers of custodians' files: bytes in, a snapshot value or one clear error out."""
