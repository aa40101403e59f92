"""The layouts of other programs' results."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture.others.tracks import (
    Pose,
    Track,
    from_axis_angles,
    from_matrices,
    gathered,
    openpose_joints,
    rows,
    shape_of,
    smpl_joints,
)
from fit_avatar.errors import BadInputError

VPOSER_SIZE = 32
"""Numbers of a pose in VPoser's latent space, as SMPLify-X writes it by default."""


def poses_in(data: Any) -> tuple[str, dict[Any, Track]]:
    """Return which program writes such data, and the people in it.

    Raises:
        BadInputError: none that is known; the message continues the name of the file.
    """
    if isinstance(data, np.ndarray) and data.shape == ():
        data = data.item()
    if not isinstance(data, Mapping):
        raise BadInputError("holds no poses of SMPL by name: see docs/formats.md for the files that --init reads")
    for name, read in LAYOUTS:
        people = read(data)
        if people is not None:
            return name, people
    raise BadInputError("holds no poses that are known: see docs/formats.md for the files that --init reads")


def _gvhmr(data: Mapping[str, Any]) -> dict[Any, Track] | None:
    given = data.get("smpl_params_incam")
    if given is None:
        return None
    poses = np.concatenate([np.asarray(given["global_orient"]), np.asarray(given["body_pose"])], 1)
    places = rows(given.get("transl"), len(poses), 3)
    return {0: Track(np.arange(len(poses)), from_axis_angles(poses), None, places, shape_of(given.get("betas")))}


def _tram(data: Mapping[str, Any]) -> dict[Any, Track] | None:
    if "pred_rotmat" not in data:
        return None
    turns = from_matrices(data["pred_rotmat"])
    places = rows(data.get("pred_trans"), len(turns), 3)
    return {0: Track(_frames(data.get("frame"), len(turns)), turns, None, places, shape_of(data.get("pred_shape")))}


def _array_of_poses(data: Mapping[str, Any]) -> dict[Any, Track] | None:
    poses = data.get("thetas", data.get("poses"))
    if not isinstance(poses, np.ndarray) or poses.ndim != 2:
        return None
    places = rows(data.get("trans", data.get("transl")), len(poses), 3)
    rate = data.get("mocap_framerate", data.get("mocap_frame_rate"))
    return {
        0: Track(
            np.arange(len(poses)),
            from_axis_angles(poses),
            None,
            places,
            shape_of(data.get("betas")) if "thetas" in data else None,
            _rate(rate),
        )
    }


def _rate(value: Any) -> float | None:
    """Return frames a second, if they are ones that a film or a motion capture system has."""
    rate = math.nan if value is None else float(value)
    return rate if 1.0 <= rate <= 10_000.0 else None


def _dpw(data: Mapping[str, Any]) -> dict[Any, Track] | None:
    if "cam_poses" not in data or not isinstance(data.get("poses"), list):
        return None
    to_camera = np.asarray(data["cam_poses"], np.float32)[:, :3, :3]
    people: dict[Any, Track] = {}
    for number, poses in enumerate(data["poses"]):
        turns = from_axis_angles(poses)
        turns[:, 0] = to_camera @ turns[:, 0]
        people[number] = Track(np.arange(len(turns)), turns)
    return people


def _tracks(data: Mapping[Any, Any]) -> dict[Any, Track] | None:
    if not all(isinstance(each, Mapping) and {"pose", "betas"} <= set(each) for each in data.values()):
        return None
    people: dict[Any, Track] = {}
    for name, each in data.items():
        turns = from_axis_angles(each["pose"])
        people[name] = Track(
            _frames(each.get("frame_ids", each.get("frame_id")), len(turns)),
            turns,
            openpose_joints(each.get("joints3d"), len(turns)),
            _weak(each.get("orig_cam"), len(turns)) if "orig_cam" in each else rows(each.get("trans"), len(turns), 3),
            shape_of(each["betas"]),
        )
    return people


def _phalp(data: Mapping[Any, Any]) -> dict[Any, Track] | None:
    if not data or not all(isinstance(each, Mapping) and {"smpl", "tid"} <= set(each) for each in data.values()):
        return None

    def poses() -> Iterator[Pose]:
        for number, each in enumerate(data.values()):
            frame, count = int(each.get("time", number)), len(each["smpl"])
            joints, places = (_each(each, name, count) for name in ("3d_joints", "camera"))
            for person, smpl, points, place in zip(each["tid"], each["smpl"], joints, places, strict=False):
                root, rest = (np.asarray(smpl[n], np.float32).reshape(-1, 3, 3) for n in ("global_orient", "body_pose"))
                turns = from_matrices(np.concatenate([root, rest]))[0]
                found = openpose_joints(points, 1)
                where, shape = rows(place, 1, 3), shape_of(smpl.get("betas"))
                yield Pose(person, frame, turns, _first(found), _first(where), shape)

    return gathered(poses())


def _romp(data: Mapping[str, Any]) -> dict[Any, Track] | None:
    results = data.get("results")
    if not isinstance(results, Mapping) or not all("smpl_thetas" in each for each in results.values()):
        return None
    frames = _numbers(results)

    def poses() -> Iterator[Pose]:
        for name, each in results.items():
            turns = from_axis_angles(each["smpl_thetas"])
            count = len(turns)
            shapes = _each(each, "smpl_betas", count)
            joints, places = smpl_joints(each.get("joints"), count), rows(each.get("cam_trans"), count, 3)
            for k, person in enumerate(np.ravel(each.get("track_ids", np.arange(count)))[:count]):
                point, place = (None if values is None else values[k] for values in (joints, places))
                yield Pose(int(person), frames[name], turns[k], point, place, shape_of(shapes[k]))

    return gathered(poses())


def _easymocap(data: Mapping[str, Any]) -> dict[Any, Track] | None:
    lists: dict[str, Any] = {
        n: e.get("annots") if isinstance(e, Mapping) else e for n, e in data.items() if isinstance(n, str)
    }
    if not lists or not all(isinstance(e, list) and all("Rh" in p and "poses" in p for p in e) for e in lists.values()):
        return None
    frames = _numbers(lists)

    def poses() -> Iterator[Pose]:
        for name, people in lists.items():
            for each in people:
                pose: NDArray[Any] = np.array(each["poses"], np.float64).reshape(1, -1)
                pose = pose if pose.shape[1] not in (69, 63) else np.concatenate([np.zeros((1, 3)), pose], 1)
                turns = from_axis_angles(pose)[0]
                root = np.concatenate([np.reshape(each["Rh"], (1, 3)), np.zeros((1, 69))], 1)
                turns[0] = from_axis_angles(root)[0, 0] @ turns[0]
                place = _first(rows(each.get("Th"), 1, 3))
                yield Pose(each.get("id", 0), frames[name], turns, None, place, shape_of(each.get("shapes")))

    return gathered(poses())


def _smplifyx(data: Mapping[str, Any]) -> dict[Any, Track] | None:
    each = {"0": data} if "body_pose" in data and "global_orient" in data else data
    if not each or not all(isinstance(e, Mapping) and {"body_pose", "global_orient"} <= set(e) for e in each.values()):
        return None
    if any(np.size(e["body_pose"]) == VPOSER_SIZE for e in each.values()):
        raise BadInputError(
            "has poses as numbers of VPoser, which only its network turns into angles: decode them with it, and give "
            "files whose body_pose holds 63 angles"
        )
    frames = _numbers(each)

    def poses() -> Iterator[Pose]:
        for name, e in each.items():
            turns = from_axis_angles(np.concatenate([np.ravel(e["global_orient"]), np.ravel(e["body_pose"])])[None])
            yield Pose(0, frames[name], turns[0], None, _first(rows(e.get("camera_translation"), 1, 3)))

    return gathered(poses())


def _weak(given: Any, count: int) -> NDArray[np.float32] | None:
    """Return places from weak-perspective cameras (scale in x and y, shift): the distance goes with 1/scale."""
    camera = rows(given, count, 4)
    if camera is None or not (camera[:, 0] > 0).all():
        return None
    return np.stack([camera[:, 2], camera[:, 3], 1 / camera[:, 0]], 1)


def _each(data: Mapping[str, Any], name: str, count: int) -> list[Any]:
    """Return what some people of a frame have, or as often None."""
    given = data.get(name)
    return list(given) if given is not None and len(given) == count else [None] * count


def _first(values: NDArray[np.float32] | None) -> NDArray[np.float32] | None:
    return None if values is None else values[0]


LAYOUTS: tuple[tuple[str, Callable[[Mapping[Any, Any]], dict[Any, Track] | None]], ...] = (
    ("GVHMR", _gvhmr),
    ("TRAM", _tram),
    ("AMASS or InstantAvatar", _array_of_poses),
    ("3DPW", _dpw),
    ("VIBE, PARE or WHAM", _tracks),
    ("4D-Humans or PHALP", _phalp),
    ("ROMP", _romp),
    ("EasyMocap", _easymocap),
    ("SMPLify-X", _smplifyx),
)
"""Particular layouts before general ones."""


def _frames(given: Any, count: int) -> NDArray[np.int64]:
    frames = np.arange(count) if given is None else np.ravel(np.asarray(given)).astype(np.int64)
    if len(frames) != count:
        raise ValueError(f"{count} poses and {len(frames)} frames")
    return frames


def _numbers(names: Mapping[str, Any]) -> dict[str, int]:
    """Return the frame of each file name: its last number, counted from the smallest if that is 1."""
    found = {name: re.findall(r"\d+", name) for name in names}
    if len(found) > 1 and not all(found.values()):
        raise ValueError("names without numbers")
    numbers = {name: int(digits[-1]) if digits else 0 for name, digits in found.items()}
    first = 1 if min(numbers.values(), default=0) == 1 else 0
    return {name: number - first for name, number in numbers.items()}
