"""The push to browsers: who hears what (`sight`), one socket (`seat`) and the server's side of it (`wire`), what a firm's sockets are sent
(`house`), the one ear of a web process (`hub`), the door (`consumer`).

Invariants
1. A socket hears only what its person may see: roles, grants and sessions are read again every second, and at once when a grant changes.
2. While that cannot be read, nothing is sent.
3. A socket that missed anything is told to read everything again; nothing waits for a slow one, and nothing grows behind it.
"""
