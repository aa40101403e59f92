"""Arrays in .npz files, read as data of a known size whatever the file claims, and written completely or not at all."""

from __future__ import annotations

import math
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from fit_avatar.io.atomic import atomic_path

npy: Any = np.lib.format  # which has no types
Array = NDArray[Any]

MAX_BYTES = 1 << 30
"""Uncompressed bytes that are read from one file."""
PLAIN_KINDS = "biufcSU"
_BLOCK = 16 << 20
DAMAGE = (
    OSError, ValueError, KeyError, EOFError, RuntimeError, NotImplementedError, OverflowError, MemoryError,
    SyntaxError, TypeError, tokenize.TokenError, zipfile.BadZipFile, zlib.error, struct.error,
)  # fmt: skip
"""What the readers of NumPy and of zip files raise when a file is damaged."""


class ArraysError(ValueError):
    """A file does not hold arrays that can be read; the message says why, in a few words."""


def read_npz(path: Path, names: Collection[str] | None = None, max_bytes: int = MAX_BYTES) -> dict[str, Array]:
    """Return the arrays of numbers and texts of an .npz file; arrays of objects are left out.

    Args:
        path: of the file.
        names: read only these, where the file has them.
        max_bytes: refuse to read more than this, uncompressed.

    Raises:
        ArraysError: the file is damaged, encrypted, or claims more than ``max_bytes``.
    """
    found: dict[str, Array] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                name = member.filename.removesuffix(".npy")
                if name == member.filename or (names is not None and name not in names):
                    continue
                if member.flag_bits & 1:
                    raise ArraysError("it is encrypted")
                with archive.open(member) as file:
                    array = _array(file, name, max_bytes - sum(each.nbytes for each in found.values()))
                if array is not None:
                    found[name] = array
    except ArraysError:
        raise
    except DAMAGE as error:
        raise ArraysError(f"it is damaged: {' '.join(str(error).split())[:120] or type(error).__name__}") from None
    return found


def read_npy(path: Path, max_bytes: int = MAX_BYTES) -> Array:
    """Return the array of numbers or texts of an .npy file.

    Raises:
        ArraysError: as :func:`read_npz`, or the array holds objects.
    """
    try:
        with path.open("rb") as file:
            array = _array(file, "it", max_bytes)
    except ArraysError:
        raise
    except DAMAGE as error:
        raise ArraysError(f"it is damaged: {' '.join(str(error).split())[:120] or type(error).__name__}") from None
    if array is None:
        raise ArraysError("it holds objects, not numbers")
    return array


def write_npz(path: Path, arrays: Mapping[str, Array]) -> None:
    """Write arrays to a compressed .npz file, completely or not at all; any name will do.

    Raises:
        BadInputError: the disk is full or the folder cannot be written to.
    """
    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy")  # without the time, so that equal arrays give equal files
            member.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(member, "w", force_zip64=True) as file:
                npy.write_array(file, np.asanyarray(array), allow_pickle=False)


def shape_fault(arrays: Mapping[str, Array], shapes: Mapping[str, tuple[int | str, ...]]) -> str | None:
    """Return what is wrong with the first array that has another shape than it should, or values that are not finite.

    Args:
        arrays: by name; those that are not in ``shapes`` are not looked at.
        shapes: of the arrays that must be numbers: sizes, letters that stand for the same size wherever they occur, and
            "*" for any size. Those that are missing in ``arrays`` are passed over.
    """
    sizes: dict[str, int] = {}
    for name, shape in shapes.items():
        if name not in arrays:
            continue
        array = arrays[name]
        fits = array.ndim == len(shape) and all(
            size == "*" or found == (size if isinstance(size, int) else sizes.setdefault(size, found))
            for size, found in zip(shape, array.shape, strict=True)
        )
        if not fits:
            expected = ", ".join("any" if size == "*" else str(sizes.get(str(size), size)) for size in shape)
            return f"{name} of shape {list(array.shape)} where [{expected}] is expected"
        if array.dtype.kind not in "biuf" or not np.isfinite(array).all():
            return f"values in {name} that are not finite numbers"
    return None


def _array(file: IO[bytes], name: str, max_bytes: int) -> Array | None:
    """Return the array of one member; None if it holds objects, which would have to be unpickled."""
    version = npy.read_magic(file)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, fortran, dtype = read(file)
    if dtype.hasobject or dtype.kind not in PLAIN_KINDS or not dtype.itemsize:
        return None
    size = math.prod(shape) * dtype.itemsize
    if size > max_bytes:
        raise ArraysError(f"{name} claims {size / 1e9:.3g} GB, which is more than is read")
    content = np.empty(size, np.uint8)
    for start in range(0, size, _BLOCK):
        block = file.read(min(_BLOCK, size - start))
        if len(block) != min(_BLOCK, size - start):
            raise ArraysError(f"{name} is cut off")
        content[start : start + len(block)] = np.frombuffer(block, np.uint8)
    flat = content.view(dtype) if size else np.zeros(math.prod(shape), dtype)
    return flat.reshape(shape, order="F" if fortran else "C")
