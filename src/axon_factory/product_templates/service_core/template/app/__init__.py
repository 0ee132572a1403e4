"""The client's product: one small service, made of the modules in `app/modules`."""
