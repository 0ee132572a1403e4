"""How a deployment of this machine fails: as the port's error, and for which trouble."""

import http.client
import xmlrpc.client
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from axon_factory.adapters.deployer.local.daemon import DaemonError
from axon_factory.adapters.deployer.local.health import SmokeFailed
from axon_factory.adapters.sandbox import ManifestError, RepositoryError, Sandbox, sing
from axon_factory.domain.failure import FailureCause
from axon_factory.domain.machine import MachineTrouble, trouble_of
from axon_factory.ports.errors import PortError


def failed(
    message: str, *, transient: bool = False, trouble: MachineTrouble | None = None
) -> PortError:
    """Return the error of a deployment that failed; `message` is Spanish."""
    cause = FailureCause.DEPLOY_FALLIDO
    return PortError(message, cause=cause, transient=transient, trouble=trouble)


@asynccontextmanager
async def port_failures(sandbox: Sandbox) -> AsyncGenerator[None]:
    """Turn what can go wrong in the block into the port's error.

    Raises:
        PortError: with its trouble where the machine is to blame, as far as a canary can tell.
    """
    try:
        yield
    except SmokeFailed as error:
        raise failed(str(error)) from error
    except (ManifestError, ValueError) as error:
        raise failed(f"El producto no se puede desplegar: {error}.") from error
    except RepositoryError as error:
        # git runs in the sandbox, and says the same whether that or the repository is broken.
        message = f"El producto no se puede desplegar: {error}."
        raise failed(message, trouble=(await sing(sandbox)).trouble) from error
    except (DaemonError, xmlrpc.client.Error, http.client.HTTPException, OSError) as error:
        message = f"No se pudo manejar el despliegue local: {error}."
        trouble = trouble_of(error) or (await sing(sandbox)).trouble
        raise failed(message, transient=True, trouble=trouble) from error
