"""The line: from a new order to a delivered product, one file a step, over ports."""
