"""Read old pickles as data: nothing that a file names is imported or executed.

A pickle is a program that may call any function. Here every name that it may use is mapped to a stand-in
(:data:`ALLOWED`) that only stores its arguments; arrays are made from these afterwards. So NumPy, SciPy and chumpy
(which can no longer be installed) take no part in the reading, and a file cannot reach their internal functions.
"""

from __future__ import annotations

import io
import math
import pickle
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar, NoReturn

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from fit_avatar.errors import BadInputError
from fit_avatar.io.files import require_file
from fit_avatar.io.kinds import PICKLE, TEXT, kind_of, misfit

MAX_FILE_BYTES = 1 << 30
_PLAIN_DTYPE = re.compile(r"[<>=|]?(?:[biufc]\d{1,2}|[SU]\d{1,9}|O\d?|\?)")


class _ForbiddenError(Exception):
    """The file names something that is not allowed."""


class _Inert:
    """An object that the file describes: the arguments of its constructor, and its state."""

    __hash__ = None  # type: ignore[assignment]  # so that none can hide as a key of a dictionary

    state: Any = None

    def __init__(self, *args: Any) -> None:
        self.args = args

    def __setstate__(self, state: Any) -> None:
        # Pickle calls this instead of writing into the object (or the class!) itself.
        self.state = state

    def value(self, resolve: _Resolver) -> Any:
        """Return the object that it stands for; ``resolve`` does the same for its parts."""
        raise NotImplementedError


class _DType(_Inert):
    """numpy.dtype, of plain numbers, strings or objects."""

    def value(self, resolve: _Resolver | None = None) -> np.dtype[Any]:
        code = self.args[0]
        if not isinstance(code, str) or not _PLAIN_DTYPE.fullmatch(code):
            raise ValueError(f"unexpected dtype {code!r}")
        dtype = np.dtype(code)
        if self.state is not None:
            order, nested = self.state[1], self.state[2:5]
            if order not in ("<", ">", "=", "|") or any(part is not None for part in nested):
                raise ValueError("unexpected dtype state")
            dtype = dtype.newbyteorder(order)
        return dtype


class _Array(_Inert):
    """numpy.ndarray; its content comes as the state (version, shape, dtype, column-major, bytes)."""

    def value(self, resolve: _Resolver) -> NDArray[Any]:
        shape, dtype, fortran, content = self.state[-4:]
        return _array(shape, dtype.value(), "F" if fortran else "C", content, resolve)


class _Sparse(_Inert):
    """A SciPy matrix in compressed or coordinate form."""

    kind: type

    def value(self, resolve: _Resolver) -> Any:
        state = {_text(k): resolve(v) for k, v in self.state.items()}
        shape = tuple(int(n) for n in state["_shape" if "_shape" in state else "shape"])
        if self.kind is sparse.coo_matrix:
            coords = state["coords"] if "coords" in state else (state["row"], state["col"])
            return sparse.coo_matrix((state["data"], coords), shape=shape)
        matrix = self.kind((state["data"], state["indices"], state["indptr"]), shape=shape)
        matrix.check_format(full_check=True)  # indices that point outside would be read as memory
        return matrix


class _Csc(_Sparse):
    kind = sparse.csc_matrix


class _Csr(_Sparse):
    kind = sparse.csr_matrix


class _Coo(_Sparse):
    kind = sparse.coo_matrix


class _Ch(_Inert):
    """chumpy.ch.Ch: an array ``x`` of numbers."""

    def value(self, resolve: _Resolver) -> NDArray[Any]:
        return np.asarray(resolve(self._parts()["x"]))

    def _parts(self) -> dict[str, Any]:
        return {_text(k): v for k, v in self.state.items()}


class _ChSelect(_Ch):
    """chumpy.reordering.Select: elements of another array."""

    def value(self, resolve: _Resolver) -> NDArray[Any]:
        parts = self._parts()
        chosen = np.ravel(resolve(parts["a"]))[np.ravel(resolve(parts["idxs"]))]
        return np.asarray(np.reshape(chosen, resolve(parts.get("preferred_shape", -1))))


class _ChReshape(_Ch):
    """chumpy.reordering.Reshape."""

    def value(self, resolve: _Resolver) -> NDArray[Any]:
        parts = self._parts()
        return np.asarray(np.reshape(resolve(parts["a"]), resolve(parts["newshape"])))


class _ChTranspose(_Ch):
    """chumpy.reordering.Transpose."""

    def value(self, resolve: _Resolver) -> NDArray[Any]:
        parts = self._parts()
        return np.asarray(np.transpose(resolve(parts["a"]), resolve(parts.get("axes"))))


# Functions are classes too: a pickle may set attributes of a function, but for an _Inert class this is an error.
# Their results are needed immediately, since they may be keys.


class _Reconstruct(_Inert):
    """numpy's _reconstruct: an empty array of any shape, since its state follows."""

    def __new__(cls, kind: Any, shape: Any, code: Any) -> Any:
        return _Array() if kind is _Array else _refuse("an array of an unknown kind")


class _Scalar(_Inert):
    """numpy's scalar(dtype, bytes)."""

    def __new__(cls, dtype: _DType, content: Any) -> Any:
        plain = dtype.value()
        return _refuse("an object as a number") if plain.hasobject else _array((1,), plain, "C", content)[0]


class _FromBuffer(_Inert):
    """numpy's _frombuffer(bytes, dtype, shape, order), which protocol 5 writes."""

    def __new__(cls, content: Any, dtype: _DType, shape: Any, order: Any) -> Any:
        plain = dtype.value()
        return _refuse("objects in a buffer") if plain.hasobject else _array(shape, plain, order, bytes(content))


class _Reconstructor(_Inert):
    """copyreg._reconstructor, which old protocols use to make an object without constructing it."""

    def __new__(cls, kind: Any, base: Any, state: Any) -> Any:
        known = isinstance(kind, type) and issubclass(kind, (_Ch, _Sparse)) and base is object and state is None
        return kind() if known else _refuse("an object of an unknown kind")


class _Encode(_Inert):
    """_codecs.encode, with which Python 3 writes bytes into old protocols. No other codec is looked up."""

    def __new__(cls, text: str, codec: str = "") -> Any:
        return text.encode("latin1") if codec in ("latin1", "latin-1") else _refuse("an unusual encoding")


class _Bytes(_Inert):
    """bytes(), empty."""

    def __new__(cls) -> Any:
        return b""


class _Dict(_Inert):
    """dict, and collections.OrderedDict: a dictionary keeps its order as well."""

    def __new__(cls, items: Any = ()) -> Any:
        pairs = list(items.items()) if isinstance(items, dict) else [(key, value) for key, value in items]
        return {_key(key): value for key, value in pairs}


class _Set(_Inert):
    """set and frozenset."""

    def __new__(cls, items: Any = ()) -> Any:
        return {_key(item) for item in items}


def _names(modules: str, **stand_ins: type) -> dict[tuple[str, str], type]:
    return {(module, name): kind for module in modules.split() for name, kind in stand_ins.items()}


ALLOWED: dict[tuple[str, str], type] = {
    **_names("numpy", ndarray=_Array, dtype=_DType),
    **_names("numpy.core.multiarray numpy._core.multiarray", _reconstruct=_Reconstruct, scalar=_Scalar),
    **_names("numpy.core.multiarray numpy._core.multiarray", ndarray=_Array, dtype=_DType),
    **_names("numpy.core.numeric numpy._core.numeric", _frombuffer=_FromBuffer),
    **_names("scipy.sparse scipy.sparse.csc scipy.sparse._csc", csc_matrix=_Csc, csc_array=_Csc),
    **_names("scipy.sparse scipy.sparse.csr scipy.sparse._csr", csr_matrix=_Csr, csr_array=_Csr),
    **_names("scipy.sparse scipy.sparse.coo scipy.sparse._coo", coo_matrix=_Coo, coo_array=_Coo),
    **_names("chumpy chumpy.ch", Ch=_Ch),
    **_names("chumpy.reordering", Select=_ChSelect, Reshape=_ChReshape, Transpose=_ChTranspose),
    **_names("__builtin__ builtins", dict=_Dict, list=list, tuple=tuple, set=_Set, frozenset=_Set, object=object),
    **_names("__builtin__ builtins", bytes=_Bytes, complex=complex),
    **_names("copy_reg copyreg", _reconstructor=_Reconstructor),
    **_names("collections", OrderedDict=_Dict),
    **_names("_codecs", encode=_Encode),
}
"""The names that a pickle may use, and their stand-ins, which have no side effects."""


_Reader: Any = pickle._Unpickler


class _Unpickler(_Reader):  # type: ignore[misc]
    """The reader in Python, whose steps can be changed: keys are checked before they are hashed.

    The hash of nested tuples takes time without bound where they share their parts, and the stack of C where they are
    deep.
    """

    dispatch: ClassVar[dict[int, Any]] = dict(_Reader.dispatch)

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ALLOWED:
            raise _ForbiddenError(f"{module}.{name}")
        return ALLOWED[module, name]

    def load_setitem(self) -> None:
        _key(self.stack[-2])
        super().load_setitem()

    def load_setitems(self) -> None:
        _keys(self.stack[::2])
        super().load_setitems()

    def load_dict(self) -> None:
        _keys(self.stack[::2])
        super().load_dict()

    def load_additems(self) -> None:
        _keys(self.stack)
        super().load_additems()

    def load_frozenset(self) -> None:
        _keys(self.stack)
        super().load_frozenset()

    dispatch |= {
        pickle.SETITEM[0]: load_setitem, pickle.SETITEMS[0]: load_setitems, pickle.DICT[0]: load_dict,
        pickle.ADDITEMS[0]: load_additems, pickle.FROZENSET[0]: load_frozenset,
    }  # fmt: skip


def _keys(items: Iterable[Any]) -> None:
    for item in items:
        _key(item)


def _key(item: Any) -> Any:
    """Return what may be a key: text, bytes, a number, or a tuple of these."""
    for part in item if isinstance(item, tuple) else (item,):
        if part is not None and not isinstance(part, (str, bytes, int, float, complex, np.generic)):
            _refuse(f"a {type(part).__name__.strip('_').lower()} as a key")
    return item


class _Resolver:
    """Replaces stand-ins at any depth by the objects that they stand for."""

    def __init__(self) -> None:
        # The object is stored beside its result, so that its id is not reused.
        self.seen: dict[int, tuple[Any, Any]] = {}

    def __call__(self, item: Any) -> Any:
        if not isinstance(item, (_Inert, dict, list, tuple)):
            return item
        if id(item) in self.seen:
            return self.seen[id(item)][1]
        if isinstance(item, (dict, list)):
            self.seen[id(item)] = (item, item)
            for key in item if isinstance(item, dict) else range(len(item)):
                item[key] = self(item[key])
            return item
        result = item.value(self) if isinstance(item, _Inert) else tuple(self(part) for part in item)
        self.seen[id(item)] = (item, result)
        return result


def load_pickle(path: Path) -> Any:
    """Return the data in a pickle of Python 2 or 3: dictionaries, lists, text, numbers, NumPy and SciPy arrays.

    Arrays of chumpy become NumPy arrays. Strings of Python 2 are decoded as Latin-1.

    Raises:
        BadInputError: the file imports or calls anything else, is damaged, or cannot be opened.
    """
    require_file(path, "pickle")
    if path.stat().st_size > MAX_FILE_BYTES:
        size = f"{path.stat().st_size >> 20} MB"
        raise BadInputError(f"{path} has {size}, more than any body model or camera: check that it is the right file")
    try:  # a length that the file claims is cut to what it holds, if all of it is in memory
        return _Resolver()(_Unpickler(io.BytesIO(path.read_bytes()), encoding="latin1").load())
    except OSError as error:
        raise BadInputError(f"{path} cannot be opened: {error.strerror or error}") from error
    except _ForbiddenError as error:
        raise BadInputError(_forbidden(path, str(error))) from error
    except Exception as error:  # a damaged file can raise anything
        kind, reason = kind_of(path), " ".join(str(error).split())[:200]
        if kind not in ("", PICKLE, TEXT):  # the oldest pickles are text
            raise BadInputError(misfit(path, "a pickle", "give the file that was meant")) from None
        raise BadInputError(
            f"{path} is damaged or not a pickle ({type(error).__name__}: {reason}): get the file again"
        ) from None


def _forbidden(path: Path, called: str) -> str:
    if called.startswith("joblib."):
        return f"{path} was written by joblib, as results of WHAM or VIBE are: give a body model or camera instead"
    return f"{path} wants to run {called}, which is not data: it was not read; use the file from its original source"


def _array(
    shape: Any, dtype: np.dtype[Any], order: Any, content: Any, resolve: _Resolver | None = None
) -> NDArray[Any]:
    shape = tuple(int(n) for n in shape)
    if order not in ("C", "F") or any(n < 0 for n in shape):
        raise ValueError("unexpected layout of an array")
    if dtype.hasobject:
        if not isinstance(content, list) or resolve is None:
            raise ValueError("an array of objects without its objects")
        flat = np.empty(len(content), dtype=object)
        for i, part in enumerate(content):
            flat[i] = resolve(part)
        return flat.reshape(shape, order=order)
    raw = content.encode("latin1") if isinstance(content, str) else content
    if not isinstance(raw, bytes) or len(raw) != math.prod(shape) * dtype.itemsize:
        raise ValueError("an array with more or fewer bytes than its shape needs")
    if not raw:
        return np.zeros(shape, dtype)
    return np.frombuffer(raw, dtype).reshape(shape, order=order).copy()


def _text(key: Any) -> str:
    return key.decode("latin1") if isinstance(key, bytes) else str(key)


def _refuse(what: str) -> NoReturn:
    raise ValueError(what)
