"""Deployers: one folder for each place where products can run."""
