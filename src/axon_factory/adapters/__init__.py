"""Implementations of the ports: one folder a port, chosen by settings in the composition root."""
