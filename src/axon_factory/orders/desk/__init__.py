"""What the desk's pages ask: what waits for a person, the board, the times of one order."""
