"""Measurements of the real service on this machine; `make bench` runs them all."""
