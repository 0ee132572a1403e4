"""Figures about the factory, each defined once."""
