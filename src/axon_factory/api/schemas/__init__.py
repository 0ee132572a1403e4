"""What the API's answers look like, for the OpenAPI document and for the tests that hold it true.

Handlers answer with bytes made once; nothing passes through these models at run time. Docstrings of
models are the document's own descriptions, so they are in Spanish.
"""
