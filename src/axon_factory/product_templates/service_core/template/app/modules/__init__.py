"""The product's modules; each file here defines `module` and is found by itself."""
