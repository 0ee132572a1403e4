"""GitHost adapters: where products' repositories can be cloned from."""
