"""Values survive being written as JSON, or the refusal names what does not."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch

from fit_avatar.io.codec import Codec, CodecError


@dataclass(frozen=True)
class Inner:
    value: float = 1.0


@dataclass(frozen=True)
class Outer:
    name: str
    inner: Inner
    data: dict[str, Any]


def known_function() -> None:
    """Something with a name."""


KNOWN = {"Inner": Inner, "Outer": Outer, "known_function": known_function}


def codec() -> Codec:
    arrays: list[np.ndarray] = []

    def put(array: np.ndarray) -> int:
        arrays.append(array)
        return len(arrays) - 1

    def named(name: str) -> Any:
        if name not in KNOWN:
            raise CodecError(f"it names {name!r}")
        return KNOWN[name]

    def name_of(value: Any) -> str | None:
        return next((name for name, known in KNOWN.items() if known is value), None)

    return Codec(name_of, named, put, arrays.__getitem__)


@pytest.mark.parametrize(
    "value",
    [None, True, 3, 2.5, float("inf"), "text", (1, (2.0, "x")), [1, 2], {"a": (1,), "b": None}, known_function,
     Outer("o", Inner(0.1), {"weight": 1 / 3})],
    ids=lambda value: getattr(value, "__name__", str(value)),
)  # fmt: skip
def test_values_come_back_as_they_were(value: Any) -> None:
    one = codec()
    again = one.decode(json.loads(json.dumps(one.encode(value))))
    assert again == value and type(again) is type(value)


def test_arrays_and_tensors_come_back_bit_by_bit() -> None:
    one = codec()
    array, tensor = np.random.default_rng(0).random((2, 3)).astype(np.float32), torch.rand(4, dtype=torch.float64)
    again = one.decode(json.loads(json.dumps(one.encode(Outer("o", Inner(), {"array": array, "tensor": tensor})))))
    np.testing.assert_array_equal(again.data["array"], array)
    assert torch.equal(again.data["tensor"], tensor)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (Outer("o", Inner(), {"x": {1, 2}}), "data of Outer 'o'.x is a set, which a file cannot hold"),
        ({1: 2}, "has the key 1"),
        ({"kind": 2}, "has the key 'kind'"),
        (lambda x: x, "is a function"),
    ],
)
def test_what_cannot_be_written_is_named(value: Any, sentence: str) -> None:
    with pytest.raises(CodecError, match=sentence):
        codec().encode(value)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({"kind": "Popen"}, "it names 'Popen'"),
        ({"kind": "Inner", "values": 1}, r"it sets 'values', which Inner does not have \(value\)"),
        ({"kind": "Outer", "name": "o", "data": {}}, "Outer lacks 'inner'"),
        ({"kind": "known_function"}, "which is no dataclass"),
    ],
)
def test_what_cannot_be_read_is_named(data: Any, sentence: str) -> None:
    with pytest.raises(CodecError, match=sentence):
        codec().decode(data)
