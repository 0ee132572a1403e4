"""Builders: each constructs products over the `Builder` port."""
