"""The reference product."""
