"""Pages for people: Jinja templates, CSS, little script."""
