"""The core can compute and nothing else. A list of what it must not import would be endless; this is what it may."""

import ast
from pathlib import Path

import pytest

import drwatch.core

# fmt: off
ALLOWED = {
    "__future__", "abc", "bisect", "collections", "dataclasses", "datetime", "decimal", "enum", "fractions",
    "functools", "hashlib", "heapq", "ipaddress", "itertools", "math", "operator", "re", "statistics", "string",
    "textwrap", "types", "typing",
}
# fmt: on
FILES = sorted(Path(drwatch.core.__path__[0]).rglob("*.py"))


def imported(source: str) -> set[str]:
    """The modules that a file names: whole names for drwatch's own, else top-level packages."""
    names = set[str]()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add("." * node.level + (node.module or ""))
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in ("__import__", "open", "eval", "exec")
        ):
            names.add(f"{node.func.id}()")
    return {name if name.split(".")[0] == "drwatch" else name.split(".")[0] or name for name in names}


def strangers(source: str) -> set[str]:
    return {
        name
        for name in imported(source)
        if name not in ALLOWED and name != "drwatch.core" and not name.startswith("drwatch.core.")
    }


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_file_of_the_core_imports_only_value_modules_and_the_core(file: Path) -> None:
    assert strangers(file.read_text()) == set()


@pytest.mark.parametrize(
    "line",
    [
        "import numpy",
        "import os.path",
        "from time import time",
        "from drwatch.store import Store",
        "from . import gtid",
        "open('x')",
    ],
)
def test_the_wall_notices_a_stranger(line: str) -> None:
    assert strangers(line)
