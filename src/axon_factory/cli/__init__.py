"""The command line `axon`: a table in `main` names each command's module."""
