"""Every page, and what they need of the application."""

from fastapi import FastAPI

from axon_factory.web import account, assets, home, portal, reference
from axon_factory.web.desk import acts, pages
from axon_factory.web.failures import install_failure_pages
from axon_factory.web.site import Site

__all__ = ["add_pages"]


def add_pages(app: FastAPI, site: Site) -> None:
    """Add the pages to `app`. The permission table has a row for each of their routes."""
    app.state.site = site
    install_failure_pages(app)
    routers = (
        home.router,
        *portal.routers,
        reference.router,
        assets.router,
        account.router,
        pages.router,
        acts.router,
    )
    for router in routers:
        app.router.routes.extend(router.routes)
