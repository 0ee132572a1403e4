"""The client's portal: one view of an order behind two doors, a signed link and an account."""

from axon_factory.web.portal import account, link

__all__ = ["routers"]

routers = (account.router, link.router)
"""The account's first: its addresses would else be read as tokens."""
