"""The line: from a new order to a delivered product, over ports; a stage is a file of `steps`."""
