"""REST: routers, schemas, guards, error answers. Thin: parse, authorise, call, render."""
