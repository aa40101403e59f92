"""Results of MMPose 1.x (demo scripts and inferencer) and of Sapiens: ``keypoints`` and ``keypoint_scores`` apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fit_avatar.capture.adapters.found import Found, named_person
from fit_avatar.capture.points import Points
from fit_avatar.errors import BadInputError

OTHER_SETS = ("h36m", "human36m", "mpii", "aic", "crowdpose", "posetrack", "jhmdb")
"""Data sets whose points are others, though some have as many as COCO."""


def read(data: Any, path: Path) -> Found | None:
    """Read a video's or a picture's results; ``None`` for another layout.

    MMPose's demo scripts count a video's frames from 1 and describe the points in ``meta_info``; its inferencer writes
    a bare list of frames counted from 0, or one file for each picture, as Sapiens does.
    """
    frames = data.get("instance_info") if isinstance(data, dict) else data
    if not isinstance(frames, list) or not frames or not all(isinstance(frame, dict) for frame in frames):
        return None
    if all("instances" in frame and "frame_id" in frame for frame in frames):
        _check_set(data, path)
        people: dict[int | None, list[Points]] = {
            _frame(frame["frame_id"], path): _people(frame["instances"], path) for frame in frames
        }
        return Found(people, from_one=isinstance(data, dict) and 0 not in people)
    if all("keypoints" in frame and "keypoint_scores" in frame for frame in frames):
        _check_set(data, path)
        return Found({None: _people(frames, path)})
    return None


def _people(instances: Any, path: Path) -> list[Points]:
    if not isinstance(instances, list) or not all(isinstance(one, dict) and "keypoints" in one for one in instances):
        raise BadInputError(f"the keypoint file {path} has a frame without a list of people: make it again")
    return [named_person(one["keypoints"], one.get("keypoint_scores"), path) for one in instances]


def _frame(number: Any, path: Path) -> int:
    if isinstance(number, bool) or not isinstance(number, int) or number < 0:
        raise BadInputError(f"the keypoint file {path} has the frame_id {number!r}: it must be a whole number")
    return number


def _check_set(data: Any, path: Path) -> None:
    meta = data.get("meta_info") if isinstance(data, dict) else None
    name = str(meta.get("dataset_name", "")) if isinstance(meta, dict) else ""
    if any(other in name.lower() for other in OTHER_SETS):
        raise BadInputError(
            f"the keypoint file {path} has the points of {name[:40]}: use a model with the points of COCO, "
            "COCO-WholeBody or Halpe"
        )
