"""The desk of the factory's people, under `/app`: each page is the API's answer, rendered."""
