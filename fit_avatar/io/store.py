"""Results of finished stages, kept in a folder and keyed by what they depend on.

A stage is named; its key is a hash of its own options, the keys of the stages before it, the identity of
its input files and the code that computes it. A result is reused only while its key is the same, so a
changed option redoes what depends on it and nothing else. Results are plain .npz and .json files, no pickle.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from fit_avatar.errors import BadInputError
from fit_avatar.io.arrays import read_npz, write_npz
from fit_avatar.io.atomic import atomic_path, write_bytes
from fit_avatar.io.codec import Codec, CodecError
from fit_avatar.io.files import parse_json
from fit_avatar.io.fingerprint import digest, stamp
from fit_avatar.io.outputs import Outputs

logger = logging.getLogger(__name__)

T = TypeVar("T")

_MANIFEST, _CHECKSUM = "manifest", "checksum"
_TAG = "CACHEDIR.TAG"
_TAG_TEXT = (
    "Signature: 8a477f597d28d172789f06886806bc55\n"
    "# This folder holds results that fit-avatar can compute again (https://bford.info/cachedir/).\n"
)


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

    def __init__(
        self, folder: Path, fresh: bool = False, classes: Iterable[type] = (), outputs: Outputs | None = None
    ) -> None:
        """Use a folder, which is made when the first result is kept.

        Args:
            folder: where results are kept.
            fresh: disregard earlier results.
            classes: the dataclasses that results may hold. A file of the folder can name no other.
            outputs: knows which of the user's files a stage may write over.
        """
        self._folder, self._fresh, self._outputs = folder, fresh, outputs
        self._classes = {f"{kind.__module__}:{kind.__qualname__}": kind for kind in classes}

    def check_folder(self, force: bool = False) -> None:
        """Check that the folder is one of this program, or can become one.

        Raises:
            BadInputError: it is a file, or holds files of somebody else.
        """
        folder = self._folder
        if folder.exists() and not folder.is_dir():
            raise BadInputError(f"a folder {folder} is needed, but there is a file of that name: move it away")
        if force or not folder.is_dir() or (folder / _TAG).is_file() or not any(folder.iterdir()):
            return
        raise BadInputError(
            f"the folder {folder} is for kept results but holds other files: choose another folder with --out, move it "
            "away, or use it with --force"
        )

    def run(self, name: str, depends_on: Mapping[str, Any], compute: Callable[[], T]) -> StageResult[T]:
        """Return the kept value of a stage, or compute and keep it.

        Args:
            name: of the stage; a new result replaces the old one of the same name.
            depends_on: everything the value depends on, as :func:`~fit_avatar.io.fingerprint.digest` takes it.
            compute: returns the value: dataclasses of this package, arrays, tensors, tuples and JSON values.
        """
        key = digest(name, depends_on)
        path = self._path(name, ".npz")
        kept = None if self._fresh else _load(path, key, self._classes)
        if kept is not None:
            return kept
        start = time.perf_counter()
        value = compute()
        seconds = time.perf_counter() - start
        arrays = _encoded(path.stem, key, seconds, value, self._classes)
        self._mark()
        write_npz(path, arrays)
        return StageResult(value, key, seconds, cached=False)

    def run_files(
        self,
        name: str,
        depends_on: Mapping[str, Any],
        write: Callable[[], Sequence[Path]],
        targets: Sequence[Path] = (),
    ) -> StageResult[tuple[Path, ...]]:
        """Return the files that a stage wrote, or write them (again, if one has gone or was changed).

        Args:
            name: of the stage.
            depends_on: as in :meth:`run`.
            write: writes the files and returns their paths.
            targets: the files and folders that it writes; the user's own are not replaced.

        Raises:
            BadInputError: a target is not this program's.
        """
        key = digest(name, depends_on)
        path = self._path(name, ".json")
        kept = None if self._fresh else _load_files(path, key)
        if kept is not None:
            return kept
        start = time.perf_counter()
        with self.writing(targets):
            files = tuple(write())
        seconds = time.perf_counter() - start
        stamps = [[os.path.relpath(file, path.parent), *stamp(file)] for file in files]
        self._mark()
        with atomic_path(path) as temporary:
            temporary.write_text(json.dumps({"key": key, "seconds": seconds, "files": stamps}, indent=1))
        return StageResult(files, key, seconds, cached=False)

    def left_over(self, name: str, depends_on: Mapping[str, Any]) -> tuple[Path, ...]:
        """Return the files that a stage wrote in an earlier run, if they are there and would be others now.

        Args:
            name: of the stage.
            depends_on: as in :meth:`run`.
        """
        path = self._path(name, ".json")
        try:
            manifest = parse_json(path.read_text(encoding="utf-8"))
            files = [Path(os.path.normpath(path.parent / file)) for file, _, _ in manifest["files"]]
            current = manifest["key"] == digest(name, depends_on)
        except Exception:  # it wrote none, or whatever is wrong with the list of them
            return ()
        return () if current else tuple(file for file in files if file.is_file())

    @contextlib.contextmanager
    def writing(self, targets: Sequence[Path]) -> Iterator[None]:
        """Refuse to write over what is not this program's, and list what the block writes."""
        with contextlib.nullcontext() if self._outputs is None else self._outputs.writing(targets):
            yield

    def _path(self, name: str, suffix: str) -> Path:
        return self._folder / (re.sub(r"\W+", "-", name) + suffix)

    def _mark(self) -> None:
        """Make the folder, and mark it as this program's; backup programs know the mark, too."""
        if not (self._folder / _TAG).is_file():
            write_bytes(self._folder / _TAG, _TAG_TEXT.encode())


def _encoded(name: str, key: str, seconds: float, value: Any, classes: Mapping[str, type]) -> dict[str, NDArray[Any]]:
    """Return what the file of a stage holds."""
    arrays: dict[str, NDArray[Any]] = {}
    try:
        manifest = json.dumps({"key": key, "seconds": seconds, "value": _codec(arrays, classes).encode(value)})
    except CodecError as error:
        raise TypeError(f"{name} cannot be kept: {error}") from None
    arrays[_MANIFEST] = np.frombuffer(manifest.encode(), np.uint8)
    return arrays | {_CHECKSUM: np.array(_checksum(arrays))}


def _load(path: Path, key: str, classes: Mapping[str, type]) -> StageResult[Any] | None:
    """Return what is kept under this key; None if there is nothing, or it is not what was kept."""
    if not path.is_file():
        return None
    try:
        if parse_json(read_npz(path, [_MANIFEST])[_MANIFEST].tobytes().decode())["key"] != key:
            return None
        arrays = read_npz(path)
        if str(arrays.pop(_CHECKSUM)) != _checksum(arrays):
            raise ValueError("it was changed since it was written")
        manifest = parse_json(arrays[_MANIFEST].tobytes().decode())
        value = _codec(arrays, classes).decode(manifest["value"])
        return StageResult(value, key, float(manifest["seconds"]), cached=True)
    except Exception as error:  # whatever is wrong with a kept result, it can be computed again
        logger.warning("%s cannot be read (%s); computing it again", path, error)
        return None


def _checksum(arrays: Mapping[str, NDArray[Any]]) -> str:
    """Return a hash of all arrays, which tells a file that was damaged or edited."""
    found = hashlib.blake2b(digest_size=16)
    for name in sorted(arrays):
        array = arrays[name]
        found.update(f"{name} {array.dtype.str} {array.shape}".encode())
        found.update(np.ascontiguousarray(array).data if array.size else b"")
    return found.hexdigest()


def _load_files(path: Path, key: str) -> StageResult[tuple[Path, ...]] | None:
    """Return the files kept under this key; None if one has gone or was changed."""
    if not path.is_file():
        return None
    try:
        manifest = parse_json(path.read_text(encoding="utf-8"))
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


def _codec(arrays: dict[str, NDArray[Any]], classes: Mapping[str, type]) -> Codec:
    """Return a codec of arrays in an .npz file, booleans with one bit each, that knows some classes."""

    def name_of(value: Any) -> str | None:
        name = f"{value.__module__}:{value.__qualname__}" if isinstance(value, type) else ""
        return name if name in classes else None

    def named(name: str) -> type:
        if name not in classes:
            raise CodecError(f"it names {name!r}, which no kept result holds")
        return classes[name]

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

    return Codec(name_of, named, put, get)
