"""Tests of the reference product."""
