"""Questions about an order: asked once, waited for, answered once."""
