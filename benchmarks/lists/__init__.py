"""Lists at a thousand and at a million orders: a generator, and what each list costs there."""
