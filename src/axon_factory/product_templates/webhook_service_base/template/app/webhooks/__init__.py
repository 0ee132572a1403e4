"""Webhooks: signature, rules, targets, forwarding."""
