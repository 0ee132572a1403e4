"""Commands on orders: create, read, transitions, approve, cancel, retry, result.

Every function takes a session and never commits: the edge that opened it does (decision 9).
`transitions.py` alone writes `estado`.
"""
