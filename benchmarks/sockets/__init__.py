"""How fast `/ws/orders` tells thousands of what is committed."""
