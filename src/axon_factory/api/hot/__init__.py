"""Hot paths: the few requests that are most of the traffic, answered with one round trip.

`edge.HotPaths` stands in front of the application. It takes a request only if that is plain, and
it answers successes alone. Whatever else a request is, the application decides about it as if there
were no hot paths: a refusal has one place. Rules have one place too: a hot path calls the same
functions on rows that were read by a faster statement.
"""
