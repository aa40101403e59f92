"""Dataclasses of this package as JSON and arrays, and back, without pickle."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


def pack(value: Any, arrays: dict[str, NDArray[Any]]) -> Any:
    """Return ``value`` as JSON that refers to ``arrays``, to which its arrays are added.

    Takes dataclasses of this package, NumPy arrays (booleans take one bit each), torch tensors, tuples, lists,
    dictionaries with text keys, numbers, text and None.

    Raises:
        TypeError: something else is in it.
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return _pack_array(value, arrays)
    if is_dataclass(value) and not isinstance(value, type):
        packed = {field.name: pack(getattr(value, field.name), arrays) for field in fields(value)}
        return {"dataclass": f"{type(value).__module__}:{type(value).__qualname__}", "fields": packed}
    if isinstance(value, tuple):
        return {"tuple": [pack(item, arrays) for item in value]}
    if isinstance(value, list):
        return [pack(item, arrays) for item in value]
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {"dict": {key: pack(item, arrays) for key, item in value.items()}}
    if type(value).__module__.partition(".")[0] == "torch" and hasattr(value, "detach"):
        return {"tensor": _pack_array(value.detach().cpu().numpy(), arrays)}
    raise TypeError(f"a {type(value).__name__} cannot be kept in a cache file")


def unpack(packed: Any, arrays: Mapping[str, NDArray[Any]]) -> Any:
    """Return the value that :func:`pack` took apart; tensors come back on the CPU."""
    if isinstance(packed, list):
        return [unpack(item, arrays) for item in packed]
    if not isinstance(packed, dict):
        return packed
    if "array" in packed:
        return arrays[packed["array"]]
    if "bits" in packed:
        shape = tuple(packed["shape"])
        bits = np.unpackbits(arrays[packed["bits"]], count=int(np.prod(shape, dtype=np.int64)))
        return bits.view(np.bool_).reshape(shape)
    if "tensor" in packed:
        import torch  # only results that hold tensors need it

        return torch.from_numpy(unpack(packed["tensor"], arrays))
    if "tuple" in packed:
        return tuple(unpack(item, arrays) for item in packed["tuple"])
    if "dict" in packed:
        return {key: unpack(item, arrays) for key, item in packed["dict"].items()}
    kind = _dataclass_named(packed["dataclass"])
    return kind(**{name: unpack(item, arrays) for name, item in packed["fields"].items()})


def _pack_array(array: NDArray[Any], arrays: dict[str, NDArray[Any]]) -> dict[str, Any]:
    name = f"array{len(arrays)}"
    if array.dtype == np.bool_:
        arrays[name] = np.packbits(array)
        return {"bits": name, "shape": list(array.shape)}
    arrays[name] = array
    return {"array": name}


def _dataclass_named(name: str) -> Any:
    """Return a dataclass of this package; nothing else can be named in a cache file."""
    module, _, qualname = name.partition(":")
    if module.partition(".")[0] != __name__.partition(".")[0]:
        raise ValueError(f"{module} is not part of this package")
    kind = getattr(importlib.import_module(module), qualname)
    if not (isinstance(kind, type) and is_dataclass(kind)):
        raise ValueError(f"{name} is not a dataclass")
    return kind
