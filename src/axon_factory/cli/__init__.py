"""The command line `axon`: one file a command group; every command has --help and exit codes."""
