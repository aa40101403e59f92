"""people.glb: several avatars of one clip in one glTF scene, each where the camera saw them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from fit_avatar.body.model import Body
from fit_avatar.body.motion import Motion
from fit_avatar.capture.types import Capture
from fit_avatar.export.animations import append_animation
from fit_avatar.export.gltf import packed, unpacked
from fit_avatar.export.world import in_world
from fit_avatar.io.atomic import write_bytes

SHARED = ("accessors", "bufferViews", "images", "samplers", "textures", "materials", "meshes", "skins", "nodes")
"""Lists of a document that other parts of it point into."""
POINTERS = {
    "bufferView": "bufferViews", "source": "images", "sampler": "samplers", "material": "materials", "mesh": "meshes",
    "skin": "skins", "node": "nodes", "skeleton": "nodes", "joints": "nodes", "children": "nodes",
    "inverseBindMatrices": "accessors", "indices": "accessors",
}  # fmt: skip
"""Members that hold numbers of such lists, outside animations."""
INDEXED = {"attributes": "accessors"}
LISTED = {"targets": "accessors"}
"""Members that hold a list of such."""
TEXTURES = ("baseColorTexture", "normalTexture")


@dataclass(frozen=True)
class _Part:
    """A file of :func:`fit_avatar.export.glb.write_glb`."""

    document: dict[str, Any]
    binary: bytearray

    @classmethod
    def read(cls, path: Path) -> _Part:
        document, binary = unpacked(path.read_bytes())
        return cls(document, bytearray(binary))

    @property
    def extras(self) -> dict[str, Any]:
        return dict(self.document["animations"][0]["extras"])

    @property
    def world_from_camera(self) -> NDArray[np.float64]:
        return np.array(self.extras["world_from_camera"])

    @property
    def start_s(self) -> float:
        """When the first pose was taken, since the clip's first frame."""
        return float(self.extras["first_frame"]) / float(self.extras["fps"])

    def delay(self, seconds: float) -> None:
        """Let the motion begin later."""
        if seconds == 0:
            return
        for number in {sampler["input"] for sampler in self.document["animations"][0]["samplers"]}:
            accessor = self.document["accessors"][number]
            first = self.document["bufferViews"][accessor["bufferView"]]["byteOffset"]
            times = np.frombuffer(self.binary, "<f4", accessor["count"], first) + np.float32(seconds)
            self.binary[first : first + times.nbytes] = times.astype("<f4").tobytes()
            accessor |= {"min": [float(times.min())], "max": [float(times.max())]}


def write_scene(path: Path, avatars: Sequence[Path], scales: Sequence[float]) -> Path:
    """Write one file with several avatars, whose motions play together.

    The scene is that of the first one: upright, y up, their floor at 0. Everybody else is where the camera saw them.

    Args:
        path: of the file.
        avatars: ``avatar.glb`` of each person.
        scales: by how much each is scaled about the camera, which changes no picture.

    Raises:
        BadInputError: the disk is full or the folder cannot be written to.
    """
    parts = [_Part.read(avatar) for avatar in avatars]
    worlds = [part.world_from_camera for part in parts]
    start = min(part.start_s for part in parts)
    whole = _Part({"asset": parts[0].document["asset"], "scene": 0, "scenes": [{"nodes": []}]}, bytearray())
    whole.document.update({name: [] for name in SHARED})
    first = worlds[0].copy()
    first[:3, 3] *= scales[0]
    extras = parts[0].extras | {"world_from_camera": first.tolist()}
    motion: dict[str, Any] = {"name": "captured", "samplers": [], "channels": [], "extras": extras}
    for number, (part, world, scale) in enumerate(zip(parts, worlds, scales, strict=True), 1):
        part.delay(part.start_s - start)
        _append(whole, motion, part, {"name": f"person_{number}"} | placed(first, world, scale))
    whole.document.update({"animations": [motion], "buffers": [{"byteLength": len(whole.binary)}]})
    write_bytes(path, packed(whole.document, bytes(whole.binary)))
    return path


def with_motion(path: Path, avatar: Path, body: Body, motion: Motion, capture: Capture) -> Path:
    """Write ``avatar.glb`` anew with another motion of the same person.

    Args:
        path: of the file that is written.
        avatar: the file, which stays as it is.
        body: the body.
        motion: in the camera's coordinates.
        capture: whose camera it was.

    Raises:
        BadInputError: the disk is full or the folder cannot be written to.
    """
    (name,) = (each["name"] for each in _Part.read(avatar).document["animations"])
    write_bytes(path, avatar.read_bytes())
    return append_animation(path, body, in_world(body, motion, capture), capture.fps, name, force=True)


def world_from_camera(avatar: Path) -> NDArray[np.float64]:
    """Return what takes the camera's coordinates to those of an ``avatar.glb``, whose floor is y = 0. [4, 4]"""
    return _Part.read(avatar).world_from_camera


def placed(first: NDArray[np.float64], world: NDArray[np.float64], scale: float) -> dict[str, Any]:
    """Return translation, rotation and scale of a node that takes somebody's file to the scene.

    Args:
        first: from the camera's coordinates to the scene's. [4, 4]
        world: from the camera's coordinates to those of the file. [4, 4]
        scale: about the camera.
    """
    rotation = first[:3, :3] @ world[:3, :3].T
    move = first[:3, 3] - scale * rotation @ world[:3, 3]
    turn = Rotation.from_matrix(rotation).as_quat()
    return {"translation": move.tolist(), "rotation": turn.tolist(), "scale": [scale] * 3}


def _append(whole: _Part, motion: dict[str, Any], part: _Part, root: dict[str, Any]) -> None:
    """Add a file to the scene, under a node; all numbers that point into its lists and its buffer go up."""
    document, first = part.document, {name: len(whole.document[name]) for name in SHARED}
    whole.binary.extend(b"\0" * (-len(whole.binary) % 4))
    offset = len(whole.binary)
    whole.binary.extend(part.binary)

    def shifted(value: Any, into: str) -> Any:
        return [each + first[into] for each in value] if isinstance(value, list) else value + first[into]

    def moved(value: Any, key: str = "") -> Any:
        if key in POINTERS and not isinstance(value, dict):  # a sparse accessor has indices of its own
            return shifted(value, POINTERS[key])
        if key in LISTED:
            return [{name: number + first[LISTED[key]] for name, number in each.items()} for each in value]
        if key in INDEXED:  # name → number
            return {name: number + first[INDEXED[key]] for name, number in value.items()}
        if key in TEXTURES:
            return value | {"index": value["index"] + first["textures"]}
        if isinstance(value, dict):
            return {name: moved(each, name) for name, each in value.items()}
        return [moved(each) for each in value] if isinstance(value, list) else value

    for name in SHARED:
        whole.document[name] += [moved(each) for each in document.get(name, [])]
    for view in whole.document["bufferViews"][first["bufferViews"] :]:
        view["byteOffset"] = view.get("byteOffset", 0) + offset
    (own,) = document["animations"]
    channels = [
        {"sampler": c["sampler"] + len(motion["samplers"]), "target": moved(c["target"])} for c in own["channels"]
    ]
    motion["channels"] += channels
    motion["samplers"] += [
        sampler | {key: sampler[key] + first["accessors"] for key in ("input", "output")} for sampler in own["samplers"]
    ]
    skeleton = []
    for node in shifted(document["scenes"][0]["nodes"], "nodes"):
        mesh = whole.document["nodes"][node]
        if "mesh" in mesh:  # stays at the root: glTF places skinned vertices by their joints alone
            mesh["name"] = whole.document["meshes"][mesh["mesh"]]["name"] = f"{root['name']}_mesh"
            whole.document["scenes"][0]["nodes"].append(node)
        else:
            skeleton.append(node)
    whole.document["scenes"][0]["nodes"].append(len(whole.document["nodes"]))
    whole.document["nodes"].append(root | {"children": skeleton})
