"""Motions in a GLB: as animations of its skeleton, of which an avatar's file takes several."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from fit_avatar.body.model import Body
from fit_avatar.body.motion import Motion
from fit_avatar.errors import BadInputError
from fit_avatar.export.bind import Bind, in_bind_pose
from fit_avatar.export.gltf import Buffer, compacted, packed, unpacked
from fit_avatar.export.motion import Motion as RootMotion
from fit_avatar.export.motion import root_motion, seconds
from fit_avatar.export.rig import Rig, rest_rig
from fit_avatar.export.skeletons import Skeleton
from fit_avatar.io.atomic import write_bytes
from fit_avatar.io.files import require_file

GENERATOR = "fit-avatar"
SAME_M = 1e-4
"""Joints of one avatar are at most so far apart in two files, and their axes so far in radians. Chosen by hand; files
hold single precision."""
FAULTS = (KeyError, IndexError, TypeError, ValueError, AttributeError, RecursionError)
"""What reading a file that is not as it should be raises."""


def animation(
    buffer: Buffer,
    rig: Rig,
    motion: RootMotion,
    times: NDArray[np.float64],
    name: str,
    extras: dict[str, Any],
    weights: tuple[int, NDArray[np.float32]] | None = None,
) -> dict[str, Any]:
    """Return an animation whose arrays are appended to a buffer.

    Args:
        buffer: of the file.
        rig: its skeleton; node i of the file is joint i.
        motion: of T frames.
        times: of the frames, in seconds. [T]
        name: of the animation.
        extras: what the file says of it, beside the way from the camera to its world.
        weights: the node whose mesh has N morph targets, and their weights. [T, N]
    """
    inputs = buffer.array(times, "<f4", bounds=True)
    outputs = [("rotation", rig.pelvis + j, turns) for j, turns in enumerate(motion.rotations.swapaxes(0, 1))]
    outputs.append(("translation", rig.pelvis, motion.pelvis))
    if weights is not None:
        outputs.append(("weights", weights[0], weights[1].ravel()))
    samplers = [{"input": inputs, "output": buffer.array(values, "<f4")} for _, _, values in outputs]
    channels = [{"sampler": s, "target": {"node": node, "path": path}} for s, (path, node, _) in enumerate(outputs)]
    extras = {"world_from_camera": motion.world_from_camera.tolist(), **extras}
    return {"name": name, "samplers": samplers, "channels": channels, "extras": extras}


def append_animation(
    path: Path, body: Body, motion: Motion, fps: float, name: str, clip: str = "", force: bool = False
) -> Path:
    """Add a motion to the GLB of the same avatar, as a further animation; the file changes at once or not at all.

    Names of joints and bind pose are those of the file.

    Args:
        path: of the GLB.
        body: the body.
        motion: of the avatar.
        fps: frames per second of the video.
        name: of the animation.
        clip: tells the video that the motion is from; an animation of the same name and video is replaced.
        force: also replace one of the same name from another video.

    Raises:
        BadInputError: the file is not of this avatar, or has such an animation.
    """
    document, binary = _read(path)
    others = _other_animations(document, path, name, clip, force)
    rig, moved = _as_in_file(document, path, body, motion)
    try:
        document, binary = compacted({**document, "animations": others}, binary)
        buffer = Buffer(bytearray(binary), document["bufferViews"], document["accessors"])
        times = seconds(len(motion.times_s), fps, times_s=motion.times_s)
        extras = {"first_frame": int(motion.frame_indices[0]), "fps": fps, "clip": clip}
        weights = _weights(document, motion)
        document["animations"].append(animation(buffer, rig, moved, times, name, extras, weights))
        document["buffers"] = [{"byteLength": len(buffer.data)}]
        content = packed(document, bytes(buffer.data))
    except FAULTS as error:
        raise _unusable(path, error) from None
    write_bytes(path, content)
    return path


def mesh_node(document: dict[str, Any]) -> int:
    """Return the node of the skinned mesh."""
    return next(index for index, node in enumerate(document["nodes"]) if "skin" in node)


def _weights(document: dict[str, Any], motion: Motion) -> tuple[int, NDArray[np.float32]] | None:
    """Return the node with morph targets and their weights; None where file or motion has none."""
    node = mesh_node(document)
    names = document["meshes"][document["nodes"][node]["mesh"]].get("extras", {}).get("targetNames", [])
    weights = motion.blendshape_weights
    return None if weights is None or len(names) != weights.shape[1] else (node, weights)


def check_appendable(path: Path, body: Body, motion: Motion, name: str, clip: str = "", force: bool = False) -> None:
    """Check that :func:`append_animation` will be able to add a motion of an avatar, of which any motion is given.

    Raises:
        BadInputError: as there.
    """
    document, _ = _read(path)
    _other_animations(document, path, name, clip, force)
    _as_in_file(document, path, body, motion)


def _read(path: Path) -> tuple[dict[str, Any], bytes]:
    require_file(path, "GLB", "give an avatar whose folder holds one")
    try:
        document, binary = unpacked(path.read_bytes())
        if document["asset"]["generator"] != GENERATOR:
            raise ValueError(f"another program has written it: {document['asset']['generator']}")
    except FAULTS as error:
        raise _unusable(path, error) from None
    return document, binary


def _other_animations(document: dict[str, Any], path: Path, name: str, clip: str, force: bool) -> list[Any]:
    """Return the animations of a file without the one that the new one replaces."""
    try:
        animations = list(document.get("animations", []))
        others = [each for each in animations if each["name"] != name]
        same = [each for each in animations if each["name"] == name]
        from_it = bool(clip) and all(each.get("extras", {}).get("clip") == clip for each in same)
    except FAULTS as error:
        raise _unusable(path, error) from None
    if same and not from_it and not force:
        already = "of another video already: rename the video, or replace it with --force"
        if not clip:  # a script, which names the animation
            already = "already: take another name, or replace it with force=True"
        raise BadInputError(f"{path} has an animation {name!r} {already}")
    return others


def _as_in_file(document: dict[str, Any], path: Path, body: Body, motion: Motion) -> tuple[Rig, RootMotion]:
    """Return the skeleton of the file, which must be the avatar's in one of the styles, and the motion in it."""
    try:
        joints = len(document["skins"][0]["joints"])
        nodes = document["nodes"][:joints]
        names = tuple(node["name"] for node in nodes)
        places = np.array([node["translation"] for node in nodes], np.float64).reshape(-1, 3)
        turns = Rotation.from_quat(np.array([node["rotation"] for node in nodes], np.float64)).as_matrix()
    except FAULTS as error:
        raise _unusable(path, error) from None
    for bind in get_args(Bind):
        bound, poses = in_bind_pose(body, motion.state, bind)
        for skeleton in get_args(Skeleton):
            rig = rest_rig(bound, poses, skeleton)
            own = len(rig.names)  # the file may have joints of the face behind these
            if rig.names != names[:own]:
                continue
            local = rig.local
            away = max(np.abs(local[:, :3, 3] - places[:own]).max(), np.abs(local[:, :3, :3] - turns[:own]).max())
            if away < SAME_M:
                return rig, root_motion(bound, poses)
    raise BadInputError(
        f"{path} is not of the avatar in avatar.npz beside it (its skeleton differs): write both again by the run that "
        "made the avatar"
    )


def _unusable(path: Path, error: Exception) -> BadInputError:
    reason = f"it has no {error}" if isinstance(error, KeyError) else str(error)
    return BadInputError(
        f"{path} is not a GLB as fit-avatar writes it ({reason}): write it again by the run that made the avatar"
    )
