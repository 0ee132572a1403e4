"""What orders look like in answers: models with readers, and how rows fill them."""
