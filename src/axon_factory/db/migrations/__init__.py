"""Alembic's environment; revisions live in `versions/`. Run by `axon migrate` and `axon up`."""
