"""Commands on orders. A feature is a folder or a chapter: `plans`, `questions`, `runs`, `moves`.

A command takes a `Change` (`change.py`) and never commits. The edge that opened the transaction
does (decision 9). `transitions.py` alone writes `estado`.
"""
