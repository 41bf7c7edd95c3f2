"""What moves an order: release, claim, send, report, recover, cancel, book. One module a concept; doors import the module they need."""
