"""Planners: `catalogue` needs nothing; `llm` asks language models."""
