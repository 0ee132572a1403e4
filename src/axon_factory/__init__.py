"""Axon Factory: an order for an autopilot goes in, a delivered product comes out."""

__version__ = "0.1.0"
