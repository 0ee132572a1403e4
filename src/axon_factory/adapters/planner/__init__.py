"""Planners: `catalogue` needs nothing; `llm` comes with Super Axon."""
