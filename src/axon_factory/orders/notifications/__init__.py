"""Where notifications go, and how each delivery went: what an administrator keeps."""
