"""Tables, sessions, migrations, the order-number counter and the embedded PostgreSQL."""
