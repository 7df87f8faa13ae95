"""Imports point rightwards only: the order of design.md, section 5, read from the source."""

import ast
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest

import circuitgraph

PACKAGE = Path(circuitgraph.__file__).parent
# Of two modules in one list the left one may import the right one; those on different sides of a "|" may not.
ORDER = (
    "bench, __main__ > nets, train, data, testing, exchange, pictures > structural > compiler > edits | neurons, rules "
    "> views, graphs, communities | kernels > topologies, io > ir, registry, errors, backend_info, machine_code"
)
LEVELS = [[side.strip().split(", ") for side in level.split("|")] for level in ORDER.split(" > ")]
NAMES = list(chain.from_iterable(chain.from_iterable(LEVELS)))
STRUCTURE = {"ir", "topologies", "views", "graphs", "communities", "io", "edits", "errors", "registry", "backend_info"}
# What is imported by name at run time, and by whom: the registry's home, and the package's lazy public names.
LAZY = {"registry", "__init__"}
FILES = sorted(PACKAGE.rglob("*.py"))


def may_import(user: str, used: str) -> bool:
    beside = any(user in chain(*level) and used in chain(*level) and len(level) > 1 for level in LEVELS)
    if beside:
        return any(
            user in side and used in side and side.index(user) <= side.index(used) for level in LEVELS for side in level
        )
    return NAMES.index(user) <= NAMES.index(used)


def area(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[str]:
    """Give the dotted names that a file imports anywhere in it, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from (
                [f"{node.module}.{a.name}" for a in node.names] if node.module == "circuitgraph" else [str(node.module)]
            )
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in ("import_module", "__import__"):
            assert area(path) in LAZY, f"{path}:{node.lineno}: import by name; only the registry may"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_point_rightwards_only(path: Path) -> None:
    user, used = area(path), [name.split(".") for name in imports(path)]
    if user == "__init__":
        assert not [name for name in used if name[0] == "circuitgraph"]
        return
    assert user in NAMES, f"{user}: not in the order of imports; give it a place in design.md and here"
    for name in used:
        if name[0] == "circuitgraph" and name[1:] != ["__version__"]:
            assert len(name) > 1, f"{path}: imports the whole package; name the module"
            assert name[1] in NAMES, f"{path}: imports {'.'.join(name)} from the package's public names"
            assert may_import(user, name[1]), f"{path}: {user} imports {name[1]}, which is not to its right"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_structure_knows_no_torch_and_only_views_know_networkx_and_pandas(path: Path) -> None:
    outside = {name.split(".")[0] for name in imports(path)}
    if area(path) in STRUCTURE:
        assert not outside & {"torch", "torch_geometric", "torch_sparse"}
    if area(path) != "views":
        assert not outside & {"networkx", "pandas"}


def test_the_order_itself_is_read_as_written() -> None:
    assert may_import("bench", "errors")
    assert may_import("rules", "kernels")
    assert may_import("neurons", "rules")
    assert not may_import("edits", "rules")
    assert not may_import("kernels", "views")
    assert not may_import("ir", "topologies")
    assert not may_import("errors", "ir")
