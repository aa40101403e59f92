"""What a kept result depends on, as hashes: options, files, and the code that computed it."""

from __future__ import annotations

import ast
import contextlib
import hashlib
import importlib.metadata
import inspect
import json
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import lru_cache
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np

PACKAGE = __name__.partition(".")[0]
ROOT = Path(__file__).parents[1]
IMPORT = re.compile(r"^[ \t]*(from[ \t]+[\w.]+[ \t]+import[ \t]+(?:\([^)]*\)|.*)|import[ \t]+.*)", re.MULTILINE)
"""An import statement, on one line or in parentheses."""
FOLDER_LEVELS = ("*", "*/*", "*/*/*")
"""What counts of a folder: some programs put one file per frame two folders below the one that is given."""
PROBE_BYTES = 1 << 16
"""How much of either end of a file is read to tell it from a changed one of the same size and time."""


def digest(*parts: Any) -> str:
    """Return a hash of JSON values, paths, dataclasses, arrays, tensors, functions and classes, by their content.

    Raises:
        TypeError: something else is among them.
    """
    text = json.dumps([_canonical(part) for part in parts], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def file_identity(path: Path) -> list[Any]:
    """Return what tells a file or folder from a changed one without reading all of it."""
    if path.is_dir():
        children = [child for level in FOLDER_LEVELS for child in path.glob(level)]
        return [[child.relative_to(path).as_posix(), *stamp(child)] for child in sorted(children)]
    size, modified = stamp(path)
    with path.open("rb") as file:
        head = file.read(PROBE_BYTES)
        file.seek(max(0, size - PROBE_BYTES))
        ends = hashlib.sha256(head + file.read(PROBE_BYTES)).hexdigest()
    return [size, modified, ends]


def content_identity(path: Path) -> str:
    """Return a hash of all that a file holds, wherever it lies; of a folder also of the names in it."""
    if not path.is_dir():
        return _hash_of(path)
    children = [child for level in FOLDER_LEVELS for child in path.glob(level) if child.is_file()]
    return digest([[child.relative_to(path).as_posix(), _hash_of(child)] for child in sorted(children)])


def _hash_of(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def stamp(path: Path) -> tuple[int, int]:
    """Return a file's size in bytes and time of change in nanoseconds."""
    status = path.stat()
    return status.st_size, status.st_mtime_ns


@lru_cache
def code_identity(*modules: str) -> str:
    """Return a hash of the code that modules of this package run.

    It covers their own source, that of every module of the package that they import, directly or not, and the versions
    of the other packages that any of these import.

    Args:
        modules: names such as ``fit_avatar.texture.bake``; that of a package stands for all its modules.
    """
    found, waiting, others = set[Path](), [file for name in modules for file in _files_of(name)], set[str]()
    while waiting:
        file = waiting.pop()
        if file in found:
            continue
        found.add(file)
        for name in _imports_of(file):
            if name.partition(".")[0] == PACKAGE:
                waiting += _files_of(name)
            else:
                others.add(name.partition(".")[0])
    sources = [[str(file.relative_to(ROOT)), _sha(file)] for file in sorted(found)]
    return digest(sources, sorted(_versions(others)))


def _canonical(value: Any) -> Any:
    """Return a value as JSON that is the same for equal contents only."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, np.ndarray):
        return [str(value.dtype), list(value.shape), hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()]
    if type(value).__module__.partition(".")[0] == "torch" and hasattr(value, "detach"):
        dense = value.to_dense() if value.is_sparse else value
        return ["tensor", _canonical(dense.detach().cpu().numpy())]
    if isinstance(value, (tuple, list)):
        return [_canonical(each) for each in value]
    if isinstance(value, Mapping):
        return {str(key): _canonical(each) for key, each in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return [_canonical(type(value)), {f.name: _canonical(getattr(value, f.name)) for f in fields(value)}]
    if isinstance(value, (type, FunctionType)):
        return _code_of(value)
    raise TypeError(f"a stage cannot depend on a {type(value).__name__}")


def _code_of(value: type | FunctionType) -> list[Any]:
    """Return a class or function by its name, and by its source where that is not this package's."""
    name = f"{value.__module__}.{value.__qualname__}"
    if value.__module__.partition(".")[0] == PACKAGE:
        return [name]
    source = inspect.getsourcefile(value)
    cells = getattr(value, "__closure__", None) or ()
    return [
        name,
        _sha(Path(source)) if source and Path(source).is_file() else value.__doc__,
        [_canonical(cell.cell_contents) for cell in cells],
        _canonical(getattr(value, "__defaults__", None)),
    ]


def _files_of(name: str) -> list[Path]:
    """Return the file of a module; of a package all files in its folder, since any of them may be meant."""
    path = ROOT.joinpath(*name.split(".")[1:])
    if path == ROOT:  # its names are imported when they are used
        return []
    if path.is_dir():
        return sorted(path.glob("*.py"))
    file = path.with_suffix(".py")
    return [file] if file.is_file() else []


@lru_cache
def _imports_of(file: Path) -> tuple[str, ...]:
    """Return the names of the modules that a file imports, anywhere in it."""

    def names() -> Iterator[str]:
        for node in _import_statements(file.read_text(encoding="utf-8")):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    inner = f"{node.module}.{alias.name}"
                    yield inner if _files_of(inner) and node.module.partition(".")[0] == PACKAGE else node.module

    return tuple(dict.fromkeys(names()))


def _import_statements(source: str) -> Iterator[ast.stmt]:
    """Yield the import statements of a module, wherever they stand: parsing all of it would take ten times as long."""
    for found in IMPORT.finditer(source):
        with contextlib.suppress(SyntaxError):  # a line of a docstring that begins with the same words
            yield from ast.parse(found[1]).body


@lru_cache
def _sha(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _versions(packages: set[str]) -> Iterator[str]:
    """Yield name and version of the distributions that hold packages; of the standard library, Python's."""
    holders = _distributions()
    for name in packages - set(sys.stdlib_module_names):
        for distribution in holders.get(name, ()):
            yield f"{distribution} {importlib.metadata.version(distribution)}"
    yield "python {}.{}".format(*sys.version_info)


@lru_cache
def _distributions() -> Mapping[str, list[str]]:
    return importlib.metadata.packages_distributions()
