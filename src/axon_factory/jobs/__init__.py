"""What may be enqueued, always in the caller's transaction."""
