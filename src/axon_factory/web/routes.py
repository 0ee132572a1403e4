"""Every page, and what they need of the application."""

from fastapi import FastAPI

from axon_factory.web import account, account_links, assets, home, portal, reference
from axon_factory.web.desk import (
    acts,
    approval,
    audit,
    board,
    bulk,
    deliveries,
    keys,
    line,
    new_order,
    order,
    order_forms,
    pages,
    pending,
    people,
    settings_page,
    table,
    webhooks,
)
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
        account_links.router,
        pages.router,
        pending.router,
        board.router,
        table.router,
        bulk.router,
        new_order.router,
        acts.router,
        line.router,
        people.router,
        keys.router,
        deliveries.router,
        webhooks.router,
        audit.router,
        settings_page.router,
        # Last: the number of an order may be any word, as the names of other pages are.
        order.router,
        order_forms.router,
        approval.router,
    )
    for router in routers:
        app.router.routes.extend(router.routes)
