"""The factory's API beside its peers, in one run (docs/performance.md)."""
