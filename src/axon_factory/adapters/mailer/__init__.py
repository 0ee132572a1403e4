"""Mailer adapters: how messages leave the factory."""
