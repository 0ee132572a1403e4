"""`python -m axon_factory` is `axon`."""

from axon_factory.cli.main import app

app()
