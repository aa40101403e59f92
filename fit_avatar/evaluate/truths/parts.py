"""What the readers of truths share: checked arrays, MATLAB's and HDF5's files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fit_avatar.errors import BadInputError
from fit_avatar.io.files import require_file
from fit_avatar.io.optional import import_optional, install

FloatArray = NDArray[np.float64]

MAX_BYTES = 2 << 30
"""Of a file of MATLAB, or a data set of HDF5: the largest annotation known has some 0.2 GB. Chosen by hand."""


def numbers(value: Any, name: str, path: Path, shape: tuple[int | None, ...]) -> FloatArray:
    """Return an array of finite numbers of a shape, in which None stands for any size.

    Raises:
        BadInputError: it is something else.
    """
    try:
        array = np.asarray(value, np.float64)
    except (TypeError, ValueError):
        raise BadInputError(f"{path}: {name} does not hold numbers: get the file again") from None
    fits = array.ndim == len(shape) and all(n is None or n == m for n, m in zip(shape, array.shape, strict=True))
    if not fits:
        wanted = ", ".join("any" if n is None else str(n) for n in shape)
        raise BadInputError(f"{path}: {name} has the shape {list(array.shape)} where [{wanted}] is expected")
    if not np.isfinite(array).all():
        raise BadInputError(f"{path}: {name} has values that are not finite numbers: get the file again")
    return array


def same_length(path: Path, **arrays: FloatArray) -> int:
    """Return the number of frames that arrays have in common.

    Raises:
        BadInputError: they have different numbers, or none.
    """
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) != 1 or 0 in lengths.values():
        told = ", ".join(f"{count} of {name}" for name, count in lengths.items())
        raise BadInputError(f"{path} has {told}: as many of each are expected")
    return next(iter(lengths.values()))


def read_mat(path: Path) -> dict[str, Any]:
    """Return the variables of a MATLAB file up to version 7.

    Raises:
        BadInputError: it cannot be read.
    """
    from scipy.io import loadmat

    require_file(path, "truth")
    if path.stat().st_size > MAX_BYTES:
        raise BadInputError(f"{path} has {path.stat().st_size >> 20} MB: check that it is the right file")
    try:
        found: dict[str, Any] = loadmat(str(path))
    except MemoryError:
        raise
    except Exception as error:  # a damaged file can raise anything
        raise BadInputError(f"{path} is damaged or not a file of MATLAB ({_short(error)}): get it again") from None
    return found


@contextmanager
def open_hdf5(path: Path) -> Iterator[Any]:
    """Yield an HDF5 file, which MATLAB's files of version 7.3 are, too.

    Raises:
        BadInputError: it cannot be read.
        MissingDependencyError: h5py is not installed.
    """
    require_file(path, "truth")
    h5py = import_optional("h5py", "HDF5 files need the package h5py", f"install it with {install('h5py')}")
    try:
        with h5py.File(path, "r") as file:
            yield file
    except (OSError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise BadInputError(f"{path} is not a readable HDF5 file ({_short(error)}): get it again") from None


def hdf5_array(file: Any, name: str, path: Path) -> NDArray[Any]:
    """Return a data set of an HDF5 file.

    Raises:
        BadInputError: there is none of this name, or it is too large.
    """
    if name not in file or not hasattr(file[name], "shape"):
        raise BadInputError(f"{path} has no {name} but {', '.join(sorted(file)) or 'nothing'}: check the file")
    if file[name].nbytes > MAX_BYTES:
        raise BadInputError(f"{path} claims {file[name].nbytes / 1e9:.3g} GB of {name}: get it again")
    return np.asarray(file[name][()])


def is_hdf5(path: Path) -> bool:
    """Return whether a file is in HDF5, as MATLAB's are from version 7.3 on, after a header of 512 bytes."""
    mark = b"\x89HDF\r\n\x1a\n"
    with path.open("rb") as file:
        start = file.read(520)
    return start[:8] == mark or start[512:] == mark


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__
