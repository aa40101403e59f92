"""Results of finished stages, kept in a folder and keyed by what they depend on.

A stage is named; its key is a hash of its own options, the keys of the stages before it, the identity of
its input files and the code that computes it. A result is reused only while its key is the same, so a
changed option redoes what depends on it and nothing else. Results are plain .npz and .json files, no pickle.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from fit_avatar.io.atomic import atomic_path
from fit_avatar.io.codec import Codec, CodecError
from fit_avatar.io.fingerprint import PACKAGE, digest, stamp

logger = logging.getLogger(__name__)

T = TypeVar("T")

_MANIFEST = "manifest"


@dataclass(frozen=True)
class StageResult(Generic[T]):
    """What a stage of a run gave, now or in an earlier run."""

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

    def run(self, name: str, depends_on: Mapping[str, Any], compute: Callable[[], T]) -> StageResult[T]:
        """Return the kept value of a stage, or compute and keep it.

        Args:
            name: of the stage; a new result replaces the old one of the same name.
            depends_on: everything the value depends on, as :func:`~fit_avatar.io.fingerprint.digest` takes it.
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
        return StageResult(value, key, seconds, cached=False)

    def run_files(
        self, name: str, depends_on: Mapping[str, Any], write: Callable[[], Sequence[Path]]
    ) -> StageResult[tuple[Path, ...]]:
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
        stamps = [[os.path.relpath(file, path.parent), *stamp(file)] for file in files]
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as temporary:
            temporary.write_text(json.dumps({"key": key, "seconds": seconds, "files": stamps}, indent=1))
        return StageResult(files, key, seconds, cached=False)

    def _path(self, name: str, suffix: str) -> Path:
        return self._folder / (re.sub(r"\W+", "-", name) + suffix)


def _save(path: Path, key: str, seconds: float, value: Any) -> None:
    arrays: dict[str, Any] = {}
    try:
        manifest = json.dumps({"key": key, "seconds": seconds, "value": _codec(arrays).encode(value)})
    except CodecError as error:
        raise TypeError(f"{path.stem} cannot be kept: {error}") from None
    arrays[_MANIFEST] = np.frombuffer(manifest.encode(), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)


def _load(path: Path, key: str) -> StageResult[Any] | None:
    """Return what is kept under this key; None if there is nothing, or it cannot be read."""
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as arrays:
            manifest = json.loads(arrays[_MANIFEST].tobytes())
            if manifest["key"] != key:
                return None
            value = _codec(arrays).decode(manifest["value"])
            return StageResult(value, key, float(manifest["seconds"]), cached=True)
    except Exception as error:  # whatever is wrong with a kept result, it can be computed again
        logger.warning("%s cannot be read (%s); computing it again", path, error)
        return None


def _load_files(path: Path, key: str) -> StageResult[tuple[Path, ...]] | None:
    """Return the files kept under this key; None if one has gone or was changed."""
    if not path.is_file():
        return None
    try:
        manifest = json.loads(path.read_text())
        if manifest["key"] != key:
            return None
        files = tuple(Path(os.path.normpath(path.parent / name)) for name, _, _ in manifest["files"])
        stamps = [(size, modified) for _, size, modified in manifest["files"]]
        if not all(file.is_file() and stamp(file) == known for file, known in zip(files, stamps, strict=True)):
            return None
        return StageResult(files, key, float(manifest["seconds"]), cached=True)
    except Exception as error:  # as above
        logger.warning("%s cannot be read (%s); writing the files again", path, error)
        return None


# -- values ---------------------------------------------------------------------------------------------------


def _codec(arrays: Any) -> Codec:
    """Return a codec whose arrays are those of an .npz file, booleans with one bit each."""

    def put(array: NDArray[Any]) -> Any:
        name = f"array{len(arrays)}"
        if array.dtype == np.bool_:
            arrays[name] = np.packbits(array)
            return {"bits": name, "shape": list(array.shape)}
        arrays[name] = array
        return name

    def get(kept: Any) -> NDArray[Any]:
        if isinstance(kept, str):
            found: NDArray[Any] = arrays[kept]
            return found
        shape = tuple(kept["shape"])
        bits = np.unpackbits(arrays[kept["bits"]], count=int(np.prod(shape, dtype=np.int64)))
        return bits.view(np.bool_).reshape(shape)

    return Codec(_name_of, _named, put, get)


def _name_of(value: Any) -> str | None:
    """Return the name of a dataclass of this package."""
    own = isinstance(value, type) and is_dataclass(value) and value.__module__.partition(".")[0] == PACKAGE
    return f"{value.__module__}:{value.__qualname__}" if own else None


def _named(name: str) -> Any:
    """Return a dataclass of this package; nothing else can be named in a cache file."""
    module, _, qualname = name.partition(":")
    if module.partition(".")[0] != PACKAGE:
        raise CodecError(f"{module} is not part of this package")
    kind = getattr(importlib.import_module(module), qualname)
    if not (isinstance(kind, type) and is_dataclass(kind)):
        raise CodecError(f"{name} is not a dataclass")
    return kind
