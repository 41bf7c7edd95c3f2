"""Readers of market files: strict, all or nothing, every complaint with line, field, value and rule."""
