"""Runs: the work of an agent on one attempt of an order, its place and its signs of life."""
