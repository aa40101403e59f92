"""Reading given keypoints, whatever program wrote them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from fit_avatar.capture import coco_wholebody, openpose
from fit_avatar.capture.adapters import (
    alphapose,
    bare_array,
    easy_vitpose,
    easymocap,
    mediapipe_json,
    mmpose,
    yolo_text,
)
from fit_avatar.capture.adapters.found import Found
from fit_avatar.capture.files import files_by_frame, files_in, frame_number, from_zero, only_folder_with, read_json
from fit_avatar.capture.frames.pairing import pair_names, pair_numbers
from fit_avatar.capture.points import NUM_POINTS, People, Points
from fit_avatar.capture.snapshot_files import HDF5_SUFFIXES, read_snapshot_keypoints
from fit_avatar.capture.units import resolve_body_25b, scale_confidences, to_pixels
from fit_avatar.errors import BadInputError
from fit_avatar.io.files import described
from fit_avatar.io.kinds import misfit

LAYOUTS = (openpose, mmpose, mediapipe_json, easymocap, easy_vitpose, alphapose, bare_array, coco_wholebody)
"""Modules whose ``read`` recognises a parsed JSON file, the most particular layout first."""
SUFFIXES = (".json", ".txt")
SNAPSHOT = "keypoints.hdf5"
MAX_COUNT_DIFFERENCE = 2
"""Frames by which two encodings of one video may differ in length. Chosen by hand."""
REMEDY = "give a folder of OpenPose JSON, one .json or .txt of another program, or People-Snapshot's keypoints.hdf5"
MAX_DIGITS = 10
"""Numbers of frames have fewer digits."""


class GivenKeypoints(dict[int, People]):
    """Frame index → people [P, 137, 3] in pixels of the frame, and what had to be put right to get there."""

    def __init__(self, people: Mapping[int, People], warnings: tuple[str, ...] = ()) -> None:
        """Keep the people by frame, and one sentence for everything that was put right."""
        super().__init__(people)
        self.warnings = warnings


def load_keypoints(
    path: Path, frame_count: int | None = None, size: tuple[int, int] | None = None, names: Sequence[str] = ()
) -> GivenKeypoints:
    """Read keypoints in the layout that the content shows; ``docs/formats.md`` lists them.

    Args:
        path: a folder with one file per frame, a file with all frames or one, or People-Snapshot's
            ``keypoints.hdf5``.
        frame_count: number of frames of the video, to detect keypoints of another one and frames counted from 1.
        size: width and height of the video in pixels, for keypoints that are fractions or for another size.
        names: of the video's pictures, if it is a sequence of pictures: keypoints then belong to those of their names.

    Returns:
        Frame index → people [P, 137, 3], in pixels of the video's frame; and ``warnings``.

    Raises:
        BadInputError: no such file, broken, of no known layout, or a number of frames that does not fit the video.
        MissingDependencyError: it is HDF5 and h5py is not installed.
    """
    found = _load(path, names)
    if list(found.people) == [None] and frame_count is not None and frame_count > 1 and path.is_file():
        found = _one_person_per_frame(found, frame_count)
    alone = frame_number(path.stem) or 0
    people = {alone if index is None else index: _stacked(persons) for index, persons in found.people.items()}
    if not people:
        raise BadInputError(f"the keypoint file {path} holds no frame: find the keypoints again")
    notes: list[str] = []
    pairs = {} if found.is_paired or found.from_one else pair_numbers(names, people)
    if found.is_paired or pairs:
        people = {pairs.get(index, index): persons for index, persons in people.items()}
    elif frame_count is not None and not found.from_one:
        offset, note = from_zero(people, frame_count)
        people = {index - offset: persons for index, persons in people.items()}
        notes += [f"The keypoints in {path.name} {note}."] if note else []
    elif found.from_one:
        people = {index - 1: persons for index, persons in people.items()}
    if frame_count is not None:
        _check_count(people, frame_count, path)
        people, note = _within(people, frame_count, path)
        notes += [note] if note else []
    people = scale_confidences(people)
    if found.may_be_25b:
        people, note = resolve_body_25b(people, path)
        notes += [note] if note else []
    people, note = to_pixels(people, found.size, size, path)
    return GivenKeypoints(people, (*notes, *([note] if note else ())))


def load_picture(path: Path, size: tuple[int, int]) -> tuple[People, tuple[str, ...]]:
    """Read the keypoints of one photograph of a size in pixels: people [P, 137, 3], and warnings.

    Raises:
        BadInputError: as :func:`load_keypoints`, or the file is about several pictures.
    """
    given = load_keypoints(path, None, size)
    if len(given) != 1:
        raise BadInputError(f"{path} has keypoints for {len(given)} pictures: give those of one")
    return next(iter(given.values())), given.warnings


def _load(path: Path, names: Sequence[str] = ()) -> Found:
    if path.is_dir():
        return _load_folder(path, names)
    if not path.exists():
        raise BadInputError(f"there are no keypoints {path}: check the path")
    suffix = path.suffix.lower()
    if suffix in HDF5_SUFFIXES:
        return Found({index: list(people) for index, people in enumerate(read_snapshot_keypoints(path))})
    if suffix == ".txt":
        return yolo_text.read_text(path)
    if suffix != ".json":
        raise BadInputError(misfit(path, "keypoints", REMEDY))
    return _parse(read_json(path, "keypoint file"), path)


def _load_folder(folder: Path, names: Sequence[str]) -> Found:
    """Read one file per frame, or the only file, which then may hold all frames."""
    places = ((only_folder_with(folder, (suffix,), "keypoint files"), suffix) for suffix in SUFFIXES)
    place, suffix = next(((place, suffix) for place, suffix in places if place), (folder, SUFFIXES[0]))
    if place == folder and (folder / SNAPSHOT).is_file():
        return _load(folder / SNAPSHOT)
    files = files_in(place, suffix, "OpenPose JSON files")
    if len(files) == 1:
        only = _load(files[0])
        if None not in only.people:
            return only
    paired = pair_names(names, files)
    numbered = paired or files_by_frame(place, suffix, "OpenPose JSON files")
    by_frame = {index: _load(path) for index, path in numbered.items()}
    for found in by_frame.values():
        if len(found.people) > 1:
            raise BadInputError(f"{place} holds several files with many frames each: give one of them")
    people: dict[int | None, list[Points]] = {
        index: next(iter(found.people.values()), []) for index, found in by_frame.items()
    }
    sizes = {found.size for found in by_frame.values() if found.size is not None}
    if len(sizes) > 1:
        raise BadInputError(
            f"the keypoint files in {place} are for pictures of different sizes: give those of one video"
        )
    doubtful = any(found.may_be_25b for found in by_frame.values())
    return Found(people, next(iter(sizes), None), doubtful, is_paired=paired is not None)


def _one_person_per_frame(found: Found, frame_count: int) -> Found:
    """Take the people of a file that is about one picture for one person in all frames, if there are as many."""
    people = found.people[None]
    if abs(len(people) - frame_count) > MAX_COUNT_DIFFERENCE or len(people) < 2:
        return found
    return replace(found, people={index: [person] for index, person in enumerate(people)})


def _by_number(data: dict[str, Any], path: Path) -> Found:
    """Read a file of documents by the frame's number. Frames whose document is empty show nobody."""
    found = {int(number): _parse(document, path) for number, document in data.items() if document}
    people: dict[int | None, list[Points]] = {int(number): [] for number in data}
    people |= {number: next(iter(one.people.values()), []) for number, one in found.items()}
    first = next(iter(found.values()), Found({}))
    return replace(first, people=people, may_be_25b=any(one.may_be_25b for one in found.values()))


def _parse(data: Any, path: Path) -> Found:
    if data == []:
        return Found({None: []})
    if isinstance(data, dict) and data and all(key.isdecimal() and len(key) < MAX_DIGITS for key in data):
        return _by_number(data, path)
    for layout in LAYOUTS:
        found: Found | None = layout.read(data, path)
        if found is not None:
            return found
    raise BadInputError(
        f"the keypoint file {path} holds {described(data)}, which is no known layout of keypoints: give those of "
        "OpenPose, COCO, MMPose, Sapiens, AlphaPose, MediaPipe, EasyMocap or others that docs/formats.md lists"
    )


def _stacked(people: list[Points]) -> People:
    return np.array(people, np.float32).reshape(-1, NUM_POINTS, 3)


def _within(people: dict[int, People], frame_count: int, path: Path) -> tuple[dict[int, People], str]:
    """Leave out frames that the video does not have, as programs count a last frame more or less; and say so."""
    kept = {index: persons for index, persons in people.items() if 0 <= index < frame_count}
    if not kept:
        raise BadInputError(
            f"{path} has keypoints for none of the video's frames 0 to {frame_count - 1}: find them in this clip"
        )
    beyond = len(people) - len(kept)
    if not beyond:
        return people, ""
    frames = "1 frame" if beyond == 1 else f"{beyond} frames"
    return kept, f"The keypoints in {path.name} are for {frames} more than the video's {frame_count}: left out."


def _check_count(frames: Collection[int], frame_count: int, path: Path) -> None:
    last = max(frames)
    if last > frame_count + max(2, frame_count // 20):
        raise BadInputError(
            f"{path} has keypoints up to frame {last} but the video has {frame_count} frames: they seem to belong to a "
            "longer clip, so find them in this one"
        )
    if len(frames) < 0.5 * frame_count and last < 0.5 * frame_count:
        raise BadInputError(
            f"{path} has keypoints for {len(frames)} frames (up to frame {last}) but the video has {frame_count}: "
            "find them in the whole clip"
        )
