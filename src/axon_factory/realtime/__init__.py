"""Fan-out of events to who watches: NOTIFY wakes, the table tells (decision 4)."""
