"""The container of a GLB: one chunk of JSON and one of bytes, to which accessors point."""

from __future__ import annotations

import copy
import json
import struct
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fit_avatar.io.files import parse_json

MAGIC, VERSION, JSON, BIN = b"glTF", 2, b"JSON", b"BIN\0"
HEADER, CHUNK = struct.Struct("<4sII"), struct.Struct("<I4s")
FLOAT, USHORT, UBYTE, UINT = 5126, 5123, 5121, 5125
VERTEX_BUFFER, INDEX_BUFFER = 34962, 34963
TYPES = {(): "SCALAR", (2,): "VEC2", (3,): "VEC3", (4,): "VEC4", (16,): "MAT4"}
COMPONENTS = {"<f4": FLOAT, "<u2": USHORT, "|u1": UBYTE, "<u4": UINT}


@dataclass
class Buffer:
    """The binary chunk under construction, with its views and accessors."""

    data: bytearray = field(default_factory=bytearray)
    views: list[dict[str, Any]] = field(default_factory=list)
    accessors: list[dict[str, Any]] = field(default_factory=list)

    def view(self, content: bytes, **more: Any) -> int:
        """Append bytes, aligned to four, and return the index of their view."""
        self.data.extend(b"\0" * (-len(self.data) % 4))
        self.views.append({"buffer": 0, "byteOffset": len(self.data), "byteLength": len(content), **more})
        self.data.extend(content)
        return len(self.views) - 1

    def sparse(self, at: NDArray[np.int64], values: NDArray[Any], count: int) -> int:
        """Append an array of ``count`` vectors that are zero but for a few, and return the index of its accessor.

        Args:
            at: indices of the others, ascending. [M]
            values: of the others. [M, 3]
            count: of all.
        """
        values = np.ascontiguousarray(values, "<f4")
        whole = np.zeros((1, 3), "<f4") if len(at) < count else values[:0]
        bounds = np.concatenate([values, whole])
        accessor: dict[str, Any] = {"componentType": FLOAT, "count": count, "type": "VEC3"}
        accessor |= {"min": bounds.min(0).tolist(), "max": bounds.max(0).tolist()}
        if len(at):
            kind = "<u2" if count <= 0xFFFF else "<u4"
            indices = {"bufferView": self.view(at.astype(kind).tobytes()), "componentType": COMPONENTS[kind]}
            accessor["sparse"] = {"count": len(at), "indices": indices}
            accessor["sparse"]["values"] = {"bufferView": self.view(values.tobytes())}
        self.accessors.append(accessor)
        return len(self.accessors) - 1

    def array(self, values: NDArray[Any], dtype: str, target: int | None = None, bounds: bool = False) -> int:
        """Append an array (first axis: elements) and return the index of its accessor."""
        values = np.ascontiguousarray(values, dtype=dtype)
        accessor: dict[str, Any] = {
            "bufferView": self.view(values.tobytes(), **({"target": target} if target else {})),
            "componentType": COMPONENTS[dtype],
            "count": len(values),
            "type": TYPES[values.shape[1:]],
        }
        if bounds:
            flat = values.reshape(len(values), -1)
            accessor |= {"min": flat.min(0).tolist(), "max": flat.max(0).tolist()}
        self.accessors.append(accessor)
        return len(self.accessors) - 1


def packed(document: dict[str, Any], binary: bytes) -> bytes:
    """Wrap JSON and binary into a GLB, each chunk padded to four bytes."""
    text = json.dumps(document, separators=(",", ":"), allow_nan=False).encode()
    text += b" " * (-len(text) % 4)
    binary += b"\0" * (-len(binary) % 4)
    header = struct.pack("<4sII", MAGIC, VERSION, 12 + 8 + len(text) + 8 + len(binary))
    chunks = struct.pack("<I4s", len(text), JSON) + text + struct.pack("<I4s", len(binary), BIN) + binary
    return header + chunks


def unpacked(content: bytes) -> tuple[dict[str, Any], bytes]:
    """Return JSON and binary of a GLB.

    Raises:
        ValueError: it is none, or is damaged.
    """
    if len(content) < HEADER.size or HEADER.unpack_from(content)[:2] != (MAGIC, VERSION):
        raise ValueError("it is no GLB of glTF 2.0")
    if HEADER.unpack_from(content)[2] != len(content):
        raise ValueError("it is cut off")
    chunks, place = [], HEADER.size
    while place < len(content):
        if place + CHUNK.size > len(content):
            raise ValueError("it is cut off")
        length, kind = CHUNK.unpack_from(content, place)
        place += CHUNK.size
        if place + length > len(content):
            raise ValueError("it is cut off")
        chunks.append((kind, content[place : place + length]))
        place += length
    if [kind for kind, _ in chunks] != [JSON, BIN]:
        raise ValueError("it does not hold one part of JSON and one of bytes")
    document = parse_json(chunks[0][1].decode())
    if not isinstance(document, dict):
        raise ValueError("its JSON is no object")
    return document, chunks[1][1]


def compacted(document: dict[str, Any], binary: bytes) -> tuple[dict[str, Any], bytes]:
    """Return a file without the arrays that nothing in it uses any more.

    Raises:
        ValueError, KeyError, IndexError, TypeError: its parts point nowhere.
    """
    document = copy.deepcopy(document)
    primitives = [primitive for mesh in document["meshes"] for primitive in mesh["primitives"]]
    samplers = [sampler for animation in document["animations"] for sampler in animation["samplers"]]
    sets = [each for primitive in primitives for each in (primitive["attributes"], *primitive.get("targets", []))]
    holders = [
        *((attributes, name) for attributes in sets for name in attributes),
        *((primitive, "indices") for primitive in primitives),
        *((skin, "inverseBindMatrices") for skin in document["skins"]),
        *((sampler, end) for sampler in samplers for end in ("input", "output")),
    ]
    document["accessors"] = _kept(document["accessors"], holders)
    sparse = [each["sparse"] for each in document["accessors"] if "sparse" in each]
    parts_of_sparse = [each[part] for each in sparse for part in ("indices", "values")]
    pointing = [*document["accessors"], *parts_of_sparse, *document["images"]]
    holding = [(each, "bufferView") for each in pointing if "bufferView" in each]
    document["bufferViews"] = _kept(document["bufferViews"], holding)
    parts = Buffer()
    for view in document["bufferViews"]:
        start, length = view["byteOffset"], view["byteLength"]
        if not 0 <= start <= start + length <= len(binary):
            raise ValueError("its arrays lie outside of it")
        new = parts.views[parts.view(binary[start : start + length])]
        view["byteOffset"] = new["byteOffset"]
    return document, bytes(parts.data)


def _kept(entries: list[Any], holders: list[tuple[dict[str, Any], str]]) -> list[Any]:
    """Return the entries that their holders' indices point to, in their order, and set the indices anew."""
    used = sorted({holder[name] for holder, name in holders})
    if used and not 0 <= used[0] <= used[-1] < len(entries):
        raise ValueError("its parts point nowhere")
    place = {old: new for new, old in enumerate(used)}
    for holder, name in holders:
        holder[name] = place[holder[name]]
    return [entries[old] for old in used]
