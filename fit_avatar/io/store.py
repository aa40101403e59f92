"""Results of finished stages, kept in a folder and keyed by what they depend on.

A stage is named; its key is a hash of its own options, the keys of the stages before it, the identity of
its input files and the source code that computes it. A result is reused only while its key is the same, so a
changed option redoes what depends on it and nothing else. Results are plain .npz and .json files, no pickle.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from fit_avatar.io.atomic import atomic_path
from fit_avatar.io.packing import pack, unpack

logger = logging.getLogger(__name__)

T = TypeVar("T")

_MANIFEST = "manifest"
_PROBE_BYTES = 1 << 16


@dataclass(frozen=True)
class Stage(Generic[T]):
    """What a stage gave, now or in an earlier run."""

    value: T
    key: str
    """Hash of all that the value depends on; part of the key of every stage that uses it."""
    seconds: float
    """How long it took to compute, in this run or in the one that computed it."""
    cached: bool
    """True if an earlier run computed it."""


class Store:
    """Keeps the latest result of every stage in one folder."""

    def __init__(self, folder: Path, fresh: bool = False) -> None:
        """Use ``folder``, which is made when the first result is kept; ``fresh`` disregards earlier results."""
        self._folder = folder
        self._fresh = fresh

    def run(self, name: str, depends_on: Mapping[str, Any], compute: Callable[[], T]) -> Stage[T]:
        """Return the kept value of a stage, or compute and keep it.

        Args:
            name: of the stage; a new result replaces the old one of the same name.
            depends_on: everything the value depends on (JSON values, paths as text, dataclasses, stage keys).
            compute: returns the value: dataclasses of this package, arrays, tensors, tuples and JSON values.
        """
        key = digest(name, depends_on)
        path = self._path(name, ".npz")
        kept = None if self._fresh else _load(path, key)
        if kept is not None:
            return kept
        start = time.perf_counter()
        value = compute()
        seconds = time.perf_counter() - start
        _save(path, key, seconds, value)
        return Stage(value, key, seconds, cached=False)

    def run_files(
        self, name: str, depends_on: Mapping[str, Any], write: Callable[[], Sequence[Path]]
    ) -> Stage[tuple[Path, ...]]:
        """Return the files that a stage wrote, or write them (again, if one has gone or was changed).

        Args:
            name: of the stage.
            depends_on: as in :meth:`run`.
            write: writes the files and returns their paths.
        """
        key = digest(name, depends_on)
        path = self._path(name, ".json")
        kept = None if self._fresh else _load_files(path, key)
        if kept is not None:
            return kept
        start = time.perf_counter()
        files = tuple(write())
        seconds = time.perf_counter() - start
        stamps = [[os.path.relpath(file, path.parent), *_stamp(file)] for file in files]
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as temporary:
            temporary.write_text(json.dumps({"key": key, "seconds": seconds, "files": stamps}, indent=1))
        return Stage(files, key, seconds, cached=False)

    def _path(self, name: str, suffix: str) -> Path:
        return self._folder / (re.sub(r"\W+", "-", name) + suffix)


def digest(*parts: Any) -> str:
    """Return a hash of JSON values, paths, dataclasses and arrays."""
    text = json.dumps(parts, sort_keys=True, default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def file_identity(path: Path) -> list[Any]:
    """Return what tells a file or folder from a changed one without reading all of it."""
    if path.is_dir():
        return [[child.name, *_stamp(child)] for child in sorted(path.iterdir())]
    size, modified = _stamp(path)
    with path.open("rb") as file:
        head = file.read(_PROBE_BYTES)
        file.seek(max(0, size - _PROBE_BYTES))
        ends = hashlib.sha256(head + file.read(_PROBE_BYTES)).hexdigest()
    return [size, modified, ends]


def source_identity(*packages: str) -> str:
    """Return a hash of the source code of parts of fit_avatar (``"capture"``, ``"fitting"``, …)."""
    root = Path(__file__).parents[1]
    files = sorted(file for package in packages for file in (root / package).rglob("*.py"))
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()[:32]


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return [str(value.dtype), list(value.shape), hashlib.sha256(value.tobytes()).hexdigest()]
    raise TypeError(f"a stage cannot depend on a {type(value).__name__}")


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def _save(path: Path, key: str, seconds: float, value: Any) -> None:
    arrays: dict[str, NDArray[Any]] = {}
    manifest = json.dumps({"key": key, "seconds": seconds, "value": pack(value, arrays)})
    arrays[_MANIFEST] = np.frombuffer(manifest.encode(), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)


def _load(path: Path, key: str) -> Stage[Any] | None:
    """Return what is kept under this key; None if there is nothing, or it cannot be read."""
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as arrays:
            manifest = json.loads(arrays[_MANIFEST].tobytes())
            if manifest["key"] != key:
                return None
            return Stage(unpack(manifest["value"], arrays), key, float(manifest["seconds"]), cached=True)
    except Exception as error:  # whatever is wrong with a kept result, it can be computed again
        logger.warning("%s cannot be read (%s); computing it again", path, error)
        return None


def _load_files(path: Path, key: str) -> Stage[tuple[Path, ...]] | None:
    """Return the files kept under this key; None if one has gone or was changed."""
    if not path.is_file():
        return None
    try:
        manifest = json.loads(path.read_text())
        if manifest["key"] != key:
            return None
        files = tuple(Path(os.path.normpath(path.parent / name)) for name, _, _ in manifest["files"])
        stamps = [(size, modified) for _, size, modified in manifest["files"]]
        if not all(file.is_file() and _stamp(file) == stamp for file, stamp in zip(files, stamps, strict=True)):
            return None
        return Stage(files, key, float(manifest["seconds"]), cached=True)
    except Exception as error:  # as above
        logger.warning("%s cannot be read (%s); writing the files again", path, error)
        return None
