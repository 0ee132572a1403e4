"""The documentation agrees with the tree: dependencies, decisions, links."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
REQUIREMENTS = (
    "requirements.in",
    "requirements-dev.in",
    "requirements-build.in",
    "requirements-client.in",
    "requirements-generators.in",
    "requirements-compare.in",
    "src/axon_factory/product_templates/runtime/requirements.in",
)
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *DOCS.rglob("*.md")])
DECISIONS = sorted(path.name for path in (DOCS / "adr").glob("[0-9]*.md"))
DECISION_HEADINGS = ["Decision", "Why", "What spoke against it", "Consequences"]


def direct_dependencies(file: str) -> list[str]:
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    names = (re.match(r"[A-Za-z0-9][\w.-]*", line) for line in lines)
    return sorted(name.group().lower() for name in names if name)


def section(page: Path, heading: str) -> str:
    _, _, rest = page.read_text(encoding="utf-8").partition(f"\n## {heading}\n")
    return rest.partition("\n## ")[0]


def table_rows(text: str) -> list[list[str]]:
    """Return the cells of a section's table, without its head."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def without_code(text: str) -> str:
    return re.sub(
        r"`[^`\n]*`", "", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    )


def anchors(page: Path) -> set[str]:
    """Return the fragments that a reader on the usual forges can link to."""
    text = re.sub(
        r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE
    )
    headings = re.findall(r"^#+ +(.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(page: Path) -> list[str]:
    targets = re.findall(r"\]\(<?([^)\s>]+)", without_code(page.read_text(encoding="utf-8")))
    broken: list[str] = []
    for target in targets:
        if re.match(r"[a-z][a-z0-9+.-]*:", target):
            continue
        path, _, fragment = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        outside = not file.is_relative_to(ROOT)
        dead_anchor = fragment and file.suffix == ".md" and file.is_file()
        if outside or not file.exists() or (dead_anchor and fragment not in anchors(file)):
            broken.append(target)
    return broken


@pytest.mark.parametrize("file", REQUIREMENTS)
def test_every_direct_dependency_has_a_row_and_every_row_a_dependency(file: str) -> None:
    rows = table_rows(section(DOCS / "dependencies.md", file))
    assert sorted(row[0] for row in rows) == direct_dependencies(file)
    assert all(len(row) == 6 and all(row) for row in rows), "a cell is empty or one too many"


@pytest.mark.parametrize(
    "file",
    [
        "package.json",
        "tests/acceptance/readers/package.json",
        "tests/contract/generators/package.json",
        "tests/realtime/node/package.json",
    ],
)
def test_every_package_of_npm_has_a_row_and_every_row_a_package(file: str) -> None:
    packages = json.loads((ROOT / file).read_text(encoding="utf-8"))["dependencies"]
    rows = table_rows(section(DOCS / "dependencies.md", file))
    assert sorted(row[0] for row in rows) == sorted(packages)
    lock = (ROOT / file).with_name("package-lock.json").read_text(encoding="utf-8")
    assert "resolved" not in lock
    assert "://" not in lock


def test_no_lock_of_npm_has_an_address() -> None:
    ignored = {"node_modules", ".venv", ".venv-product"}
    locks = [
        lock
        for lock in ROOT.rglob("package-lock.json")
        if not ignored & set(lock.relative_to(ROOT).parts)
    ]
    assert len(locks) >= 5
    assert [lock for lock in locks if "://" in lock.read_text(encoding="utf-8")] == []


def test_no_requirements_file_is_forgotten() -> None:
    ignored = (
        ".venv",
        ".venv-product",
        ".venv-client",
        ".venv-generators",
        ".venv-compare",
        "node_modules",
        "build",
        "dist",
        ".cache",
    )
    found = {
        path.relative_to(ROOT).as_posix()
        for folder in (ROOT, ROOT / "src")
        for path in (folder.glob("*.in") if folder == ROOT else folder.rglob("requirements*.in"))
        if not set(path.parts) & set(ignored)
    }
    assert found == set(REQUIREMENTS)


def test_every_decision_is_in_the_index_and_numbered_once() -> None:
    rows = table_rows(
        (DOCS / "adr" / "README.md").read_text(encoding="utf-8").split("## Template")[0]
    )
    indexed = {row[0]: row[1] for row in rows}
    expected: dict[str, str] = {}
    for name in DECISIONS:
        title = (DOCS / "adr" / name).read_text(encoding="utf-8").splitlines()[0]
        number, _, words = title.removeprefix("# ").partition(". ")
        assert f"{int(number):04}" == name[:4], f"{name} has the title of number {number}"
        expected[f"[{name[:4]}]({name})"] = words
    assert indexed == expected
    assert [int(name[:4]) for name in DECISIONS] == list(range(1, len(DECISIONS) + 1))


@pytest.mark.parametrize("name", DECISIONS)
def test_a_decision_has_the_parts_of_the_template(name: str) -> None:
    text = (DOCS / "adr" / name).read_text(encoding="utf-8")
    assert re.findall(r"^## (.+)$", text, flags=re.MULTILINE) == DECISION_HEADINGS
    assert re.search(r"^Status: (proposed|accepted|replaced by)", text, flags=re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_relative_links_resolve(page: Path) -> None:
    assert broken_links(page) == []


def test_the_checks_find_what_is_broken(tmp_path: Path) -> None:
    page = DOCS / "adr" / "README.md"
    assert "template" in anchors(page)
    probe = tmp_path / "probe.md"
    probe.write_text("[a](missing.md) [b](#nowhere) [c](https://x.example) `[d](no.md)`", "utf-8")
    assert broken_links(probe) == ["missing.md", "#nowhere"]
