"""Gateways: one folder per broker, all alike. `base` is the protocol they speak, `reports` what brokers tell us."""
