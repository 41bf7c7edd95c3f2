"""Whole days in a real browser: Chromium through the running stack (web, worker, beat, gateways, venues, PostgreSQL, Valkey)."""
