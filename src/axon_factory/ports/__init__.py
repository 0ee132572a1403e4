"""Protocols of what the line needs from outside: each is implemented in `adapters/`.

Rules for every call: it happens outside any database transaction, it carries an idempotency key
of order + step + intento (a call repeated with the same key has the effect of one), it is
cancellable (asyncio cancellation stops the work and its child processes), and it fails only with
:class:`~axon_factory.ports.errors.PortError`.
"""
