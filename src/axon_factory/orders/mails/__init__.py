"""Mails to clients: what is said when, in which language, as text and as HTML."""
