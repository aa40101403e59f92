"""Read pickles of joblib as data: arrays lie as raw bytes between the instructions, perhaps all compressed."""

from __future__ import annotations

import io
import math
import pickle
import zipfile
import zlib
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fit_avatar.errors import BadInputError
from fit_avatar.io.arrays import npy
from fit_avatar.io.files import require_file
from fit_avatar.io.safe_pickle import _array, _ForbiddenError, _Inert, _Resolver, _Unpickler

MAX_BYTES = 1 << 30
"""Uncompressed bytes that are read from one file; hours of poses are far smaller."""
_ZLIB = (b"x\x01", b"x\x5e", b"x\x9c", b"x\xda")
_WRAPPER = ("joblib.numpy_pickle", "NumpyArrayWrapper")


class _Wrapper(_Inert):
    """joblib's NumpyArrayWrapper: says what the bytes that follow it are."""


class _Reader(_Unpickler):
    dispatch: ClassVar[dict[int, Any]] = dict(_Unpickler.dispatch)

    def find_class(self, module: str, name: str) -> Any:
        return _Wrapper if (module, name) == _WRAPPER else super().find_class(module, name)

    def load_build(self) -> None:
        super().load_build()
        if isinstance(self.stack[-1], _Wrapper):
            self.stack[-1] = self._bytes_that_follow(self.stack[-1].state)

    def _bytes_that_follow(self, told: dict[str, Any]) -> NDArray[Any]:
        read = self._unframer.file_read
        if told.get("numpy_array_alignment_bytes") is not None:
            read(read(1)[0])
        dtype, shape = told["dtype"].value(), tuple(int(n) for n in told["shape"])
        if dtype.hasobject or any(n < 0 for n in shape):
            raise ValueError("an array of objects")
        size = math.prod(shape) * dtype.itemsize
        content = read(size) if size <= MAX_BYTES else b""
        return _array(shape, dtype, told["order"], content)

    dispatch |= {pickle.BUILD[0]: load_build}


def load_results(path: Path) -> Any:
    """Return the data in a pickle, joblib's or a usual one, without running anything that it names.

    Raises:
        BadInputError: it names what is not data, is damaged, too large, or cannot be opened.
    """
    require_file(path, "file of poses")
    return _guarded(path, lambda: _loaded(_unpacked(path)))


def load_object_npz(path: Path) -> dict[str, Any]:
    """Return what an .npz file holds, also where NumPy wrapped dictionaries as arrays of objects.

    Raises:
        BadInputError: as :func:`load_results`.
    """
    require_file(path, "file of poses")
    found: dict[str, Any] = _guarded(path, lambda: _members(path))
    return found


def load_object_npy(path: Path) -> Any:
    """Return what an .npy file holds, also where NumPy wrapped a dictionary as an array of objects.

    Raises:
        BadInputError: as :func:`load_results`.
    """
    require_file(path, "file of poses")

    def read() -> Any:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError("larger than any file of poses")
        return _array_or_object(path.read_bytes())

    return _guarded(path, read)


def _guarded(path: Path, read: Any) -> Any:
    try:
        return read()
    except _ForbiddenError as error:
        raise BadInputError(
            f"{path} wants to run {error}, which is not data: it was not read; use the file from its original source"
        ) from None
    except OSError as error:
        raise BadInputError(f"{path} cannot be opened: {error.strerror or error}") from None
    except Exception as error:  # a damaged file can raise anything
        reason = " ".join(str(error).split())[:120]
        raise BadInputError(
            f"{path} cannot be read as poses ({type(error).__name__}: {reason}): write the file again"
        ) from None


def _loaded(content: bytes) -> Any:
    return _Resolver()(_Reader(io.BytesIO(content), encoding="latin1").load())


def _unpacked(path: Path) -> bytes:
    if path.stat().st_size > MAX_BYTES:
        raise ValueError("larger than any file of poses")
    content = path.read_bytes()
    if content[:2] not in _ZLIB:
        return content
    unpacker = zlib.decompressobj()
    plain = unpacker.decompress(content, MAX_BYTES)
    if not unpacker.eof:
        raise ValueError("compressed data that do not end or are larger than any file of poses")
    return plain


def _members(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    left = MAX_BYTES
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            with archive.open(info) as member:
                content = member.read(left + 1)
            left -= len(content)
            if left < 0:
                raise ValueError("larger than any file of poses")
            value = _array_or_object(content)
            if value is not None:
                found[info.filename.removesuffix(".npy")] = value
    return found


def _array_or_object(content: bytes) -> Any:
    """Return what an .npy file holds: an array, or what NumPy wrapped as one; None for arrays of several objects."""
    file = io.BytesIO(content)
    version = npy.read_magic(file)
    shape, fortran, dtype = (npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0)(file)
    if not dtype.hasobject:  # without a copy, and never more than there is
        count = math.prod(shape)
        values = np.frombuffer(content, dtype, count, file.tell()) if count else np.empty(0, dtype)
        return values.reshape(shape, order="F" if fortran else "C")
    if shape != ():
        return None
    value = _loaded(content[file.tell() :])
    return value.item() if isinstance(value, np.ndarray) and value.shape == () else value
