"""Deployer of this machine: supervisord as a separate daemon, every product in the sandbox."""
