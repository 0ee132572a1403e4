"""Loaded by Schemathesis: asks the test for the caller's headers, anew when they no longer hold.

A long run outlives an access token, and an agent can end the attempt that its token is for; without
this all later requests would be refused at the door and prove nothing.
"""

import os
from typing import Any

import httpx2
import schemathesis

__all__ = ["FreshCredentials", "before_call"]

_LONGEST_WAIT = 30


# A 401 makes the tool ask again at once; access tokens live for 15 minutes.
@schemathesis.auth(refresh_interval=300)
class FreshCredentials:
    """The credentials of one caller, from the address in FUZZ_CREDENTIALS."""

    def get(self, case: schemathesis.Case, context: schemathesis.AuthContext) -> dict[str, Any]:
        """Return the caller's headers as they hold now."""
        del case, context
        return httpx2.get(os.environ["FUZZ_CREDENTIALS"]).raise_for_status().json()

    def set(
        self, case: schemathesis.Case, data: dict[str, Any], context: schemathesis.AuthContext
    ) -> None:
        """Put them on a request."""
        del context
        case.headers.update(data)


@schemathesis.hook
def before_call(
    context: schemathesis.HookContext, case: schemathesis.Case, kwargs: dict[str, Any]
) -> None:
    """Send a `wait` that is valid as 0: the feed of events would hold the answer for so long."""
    del context, kwargs
    wait = case.query.get("wait") if case.query else None
    if str(wait).isdecimal() and int(str(wait)) <= _LONGEST_WAIT:
        case.query["wait"] = 0
