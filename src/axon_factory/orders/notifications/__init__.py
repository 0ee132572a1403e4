"""What is told to whom: the outbox, destinations and their deliveries, mails to clients."""
