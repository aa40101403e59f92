"""Dataclasses as JSON and back, without pickle: one codec for schedules that people edit and for kept results."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class CodecError(ValueError):
    """A value that cannot be written, or a text that cannot be read; the message says which and where."""


class Codec:
    """Writes dataclasses, arrays, tensors, tuples, lists, dictionaries and plain values as JSON values, losslessly.

    Four functions say where classes and arrays go. A dataclass becomes ``{"kind": …}`` with its fields beside
    it, a tuple a list; what JSON has no word for becomes a dictionary of one key that begins with ``$``.
    """

    def __init__(
        self,
        name_of: Callable[[Any], str | None],
        named: Callable[[str], Any],
        put: Callable[[Array], Any],
        get: Callable[[Any], Array],
    ) -> None:
        """Set up a codec.

        Args:
            name_of: returns the name of a class or of a known object such as an energy term; None if it has none.
            named: returns what has a name; raises CodecError if nothing has.
            put: keeps an array and returns a JSON value that refers to it.
            get: returns the array.
        """
        self._name_of, self._named, self._put, self._get = name_of, named, put, get

    # -- writing ----------------------------------------------------------------------------------------------

    def encode(self, value: Any, where: str = "") -> Any:
        """Return a value as JSON.

        Raises:
            CodecError: something in it cannot be written; ``where`` and the fields on the way to it are named.
        """
        if value is None or isinstance(value, (bool, int, str)):
            return value
        if isinstance(value, float):
            return value if math.isfinite(value) else {"$float": str(value)}
        if isinstance(value, np.generic):
            return self.encode(value.item(), where)
        if isinstance(value, np.ndarray):
            return {"$array": self._put(value)}
        if _is_tensor(value):
            return {"$tensor": self._put(value.detach().cpu().numpy())}
        if isinstance(value, tuple):
            return [self.encode(each, f"{where}[{i}]") for i, each in enumerate(value)]
        if isinstance(value, list):
            return {"$list": [self.encode(each, f"{where}[{i}]") for i, each in enumerate(value)]}
        if isinstance(value, Mapping):
            return self._encode_mapping(value, where)
        name = self._name_of(value)
        if name is not None:
            return {"$name": name}
        if is_dataclass(value) and not isinstance(value, type):
            return self._encode_dataclass(value, where)
        raise CodecError(f"{where or 'the value'} is a {type(value).__name__}, which a file cannot hold")

    def _encode_mapping(self, value: Mapping[Any, Any], where: str) -> dict[str, Any]:
        for key in value:
            if not isinstance(key, str) or key == "kind" or key.startswith("$"):
                raise CodecError(f"{where or 'the value'} has the key {key!r}, which a file cannot hold")
        return {key: self.encode(each, f"{where}.{key}" if where else key) for key, each in value.items()}

    def _encode_dataclass(self, value: Any, where: str) -> dict[str, Any]:
        kind, own = type(value), getattr(value, "name", "")
        name = self._name_of(kind)
        if name is None:
            raise CodecError(
                f"{where or 'the value'} is a {kind.__name__}, whose class no file can name: define it at the top of a "
                "module, and name the module as an extension"
            )
        here = f"{name} {own!r}" if isinstance(own, str) and own else where or name
        return {"kind": name} | {
            f.name: self.encode(getattr(value, f.name), f"{f.name} of {here}") for f in fields(kind) if f.init
        }

    # -- reading ----------------------------------------------------------------------------------------------

    def decode(self, data: Any) -> Any:
        """Return the value that :meth:`encode` wrote; tensors come back on the CPU.

        Raises:
            CodecError: a class is not known, or has no such field.
        """
        if isinstance(data, list):
            return tuple(self.decode(each) for each in data)
        if not isinstance(data, dict):
            return data
        if "kind" in data:
            return self._decode_dataclass(data)
        if len(data) == 1:
            ((key, inner),) = data.items()
            special = _SPECIAL.get(key)
            if special is not None:
                return special(self, inner)
        return {key: self.decode(each) for key, each in data.items()}

    def _decode_dataclass(self, data: Mapping[str, Any]) -> Any:
        kind = self._named(str(data["kind"]))
        if not (isinstance(kind, type) and is_dataclass(kind)):
            raise CodecError(f"it names {data['kind']!r}, which is no dataclass")
        known = {f.name: f for f in fields(kind) if f.init}
        for name in data:
            if name != "kind" and name not in known:
                raise CodecError(f"it sets {name!r}, which {kind.__name__} does not have ({', '.join(known)})")
        for name, f in known.items():
            if name not in data and f.default is MISSING and f.default_factory is MISSING:
                raise CodecError(f"{data['kind']} lacks {name!r}")
        return kind(**{name: self.decode(each) for name, each in data.items() if name != "kind"})

    def _tensor(self, inner: Any) -> Any:
        import torch  # only values that hold tensors need it

        return torch.from_numpy(np.ascontiguousarray(self._get(inner)))


_SPECIAL: dict[str, Callable[[Codec, Any], Any]] = {
    "$float": lambda codec, inner: float(inner),
    "$array": lambda codec, inner: codec._get(inner),
    "$tensor": lambda codec, inner: codec._tensor(inner),
    "$list": lambda codec, inner: [codec.decode(each) for each in inner],
    "$name": lambda codec, inner: codec._named(str(inner)),
}


def _is_tensor(value: Any) -> bool:
    return type(value).__module__.partition(".")[0] == "torch" and hasattr(value, "detach")
