"""Reading given keypoints, whatever their format."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from fit_avatar.capture import coco_wholebody, openpose
from fit_avatar.capture.files import frame_number, read_json
from fit_avatar.capture.points import People
from fit_avatar.capture.snapshot_files import HDF5_SUFFIXES, read_snapshot_keypoints
from fit_avatar.errors import BadInputError


def load_keypoints(path: Path, frame_count: int | None = None) -> dict[int, People]:
    """Read keypoints in the format that the path's kind and content show.

    Args:
        path: a folder of OpenPose JSON; one JSON file of COCO-WholeBody or COCO, or of OpenPose for one frame; or
            People-Snapshot's ``keypoints.hdf5``.
        frame_count: number of frames of the video, to detect keypoints of another one.

    Returns:
        Frame index → people [P, 137, 3], in pixels of the video's frame.

    Raises:
        BadInputError: no such file, broken, or a number of frames that does not fit the video.
        MissingDependencyError: it is HDF5 and h5py is not installed.
    """
    people = _load(path)
    if frame_count is not None:
        _check_count(people, frame_count, path)
    return people


def _load(path: Path) -> dict[int, People]:
    if path.is_dir():
        return openpose.load_openpose(path)
    if not path.exists():
        raise BadInputError(f"there are no keypoints {path}: check the path")
    if path.suffix.lower() in HDF5_SUFFIXES:
        return dict(enumerate(read_snapshot_keypoints(path)))
    if path.suffix.lower() != ".json":
        raise BadInputError(
            f"{path} holds no keypoints that can be read: give a folder of OpenPose JSON, a COCO-WholeBody .json "
            "or a keypoints.hdf5"
        )
    data = read_json(path, "keypoint file")
    if isinstance(data, dict) and "people" in data:
        return {frame_number(path.stem) or 0: openpose.parse_people(data, path)}
    return coco_wholebody.people_by_frame(data, path)


def _check_count(frames: Collection[int], frame_count: int, path: Path) -> None:
    last = max(frames)
    if last > frame_count + max(2, frame_count // 20):
        raise BadInputError(
            f"{path} has keypoints up to frame {last} but the video has {frame_count} frames: "
            "they seem to belong to another clip"
        )
    if len(frames) < 0.5 * frame_count and last < 0.5 * frame_count:
        raise BadInputError(
            f"{path} has keypoints for {len(frames)} frames (up to frame {last}) but the video has {frame_count}: "
            "find them in the whole clip"
        )
