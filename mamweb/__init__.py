"""The composition root: settings, services, addresses, processes. No business rules."""
