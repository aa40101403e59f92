"""From a video to everything the fitting needs: the one function that composes this package."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fit_avatar.capture import check
from fit_avatar.capture.camera import pinhole, undistort_masks, undistort_points
from fit_avatar.capture.clip import Clip
from fit_avatar.capture.detectors import DETECTORS, Detector, make_detector
from fit_avatar.capture.keypoints import load_keypoints
from fit_avatar.capture.masks import GivenMasks
from fit_avatar.capture.mediapipe_pose import Detection, MediaPipeDetector
from fit_avatar.capture.person import fix_left_right, is_person, rivals, track_person
from fit_avatar.capture.points import BODY, People, Points, face_of, hands_of, whole
from fit_avatar.capture.refine import MaskRefiner
from fit_avatar.capture.selection import Selection, choose, relative_sharpness, survey
from fit_avatar.capture.types import Camera, Capture, LeftOut
from fit_avatar.errors import BadInputError, NoPersonError

Progress = Callable[[str, int, int], None]
Mask = NDArray[np.bool_]

MIN_FRAMES = 3
"""Fewer good frames do not show a person from all sides."""
LEARN_FRAMES = 24
"""Colours and background are learnt from this many frames."""
CUT_OFF_SHARE = 0.8
"""If the person is cut off in more of the frames, the film is at fault."""
RIVAL_SHARE = 0.5
"""If somebody else about as large is in more of the frames, it cannot be known who is meant."""
MANY_SWAPPED = 0.1
"""If left and right are exchanged in more of the frames, the user should know."""
SOFT = 0.8
"""A person less sharp than this part of its neighbours' sharpness lowers the frame's weight."""


@dataclass(frozen=True)
class _Track:
    """One person through all frames in which somebody looked for people."""

    points: dict[int, Points]
    """Frame index → all points, mistakes put right. [137, 3]"""
    swapped: frozenset[int]
    """Frames in which left and right had been exchanged."""
    rivals: dict[int, Points]
    """Somebody else in a frame who is about as large."""


@dataclass(frozen=True)
class _Seen:
    """What is known about one candidate frame before masks are made."""

    keypoints: Points
    """All points. [137, 3]"""
    probability: NDArray[np.uint8] | None


def observe(
    video: Path,
    *,
    camera: Camera,
    frames: int = 120,
    keypoints: Path | None = None,
    masks: Path | None = None,
    detector: str = "mediapipe",
    progress: Progress | None = None,
) -> Capture:
    """Observe a clip: choose frames, find the person's keypoints and masks, check them, undo lens distortion.

    Args:
        video: any video that FFmpeg reads.
        camera: at the upright video's size; its distortion is undone in keypoints and masks.
        frames: use at most this many frames.
        keypoints: whatever :func:`load_keypoints` reads; without it the detector finds the person.
        masks: folder of PNG, a video, or People-Snapshot's ``masks.hdf5``; without it MediaPipe's masks are refined.
        detector: ``mediapipe``, ``openpose`` or ``rtmlib`` (see :func:`make_detector`).
        progress: called with (step, done, total).

    Returns:
        The capture; its camera is the pinhole that fits keypoints, masks and :func:`undistort`-ed frames.

    Raises:
        BadInputError: a file that cannot be used, or inputs that do not belong together.
        NoPersonError: nobody is in the clip, or the person is always cut off.
        MissingDependencyError: a detector or h5py is needed and not installed.
    """
    tell: Progress = progress or (lambda step, done, total: None)
    if frames < MIN_FRAMES:
        raise BadInputError(f"--frames {frames} is too few: use at least {MIN_FRAMES}, better 60 or more")
    clip = Clip(video)
    if (camera.width, camera.height) != (clip.width, clip.height):
        raise BadInputError(
            f"the camera is for {camera.width} × {camera.height} pixels but {video} has {clip.width} × {clip.height}: "
            "calibrate it at the video's size"
        )
    other = make_detector(detector) if keypoints is None and detector != "mediapipe" else None
    look = survey(video, lambda done, total: tell("Reading the video", done, total))
    given = GivenMasks(masks, clip.width, clip.height, look.frame_count) if masks else None
    people = load_keypoints(keypoints, look.frame_count) if keypoints else None
    selection = choose(look, frames)
    if other is not None:
        people, selection = _detect_people(clip, selection, other, tell)

    track = _follow(people) if people is not None else None
    seen, left_out = _find_person(clip, selection, track, given is None, tell)
    if len(seen) < MIN_FRAMES:
        raise NoPersonError(_nobody(video, len(seen), len(selection.slots), keypoints))
    indices = np.array(sorted(seen), np.int64)
    points = np.stack([seen[i].keypoints for i in indices])
    if track is None:
        points, exchanged = fix_left_right(points, indices)
        swapped = frozenset(indices[exchanged].tolist())
    else:
        swapped = track.swapped & seen.keys()
    found = given.read(indices.tolist()) if given else _make_masks(clip, seen, indices.tolist(), tell)
    if track is not None:
        _complain_of_rivals(video, track, indices.tolist(), found if given else {})

    absent = [i for i in indices.tolist() if i not in found]
    left_out += [LeftOut(i, "there is no mask for it") for i in absent]
    present = np.array([i in found for i in indices.tolist()], bool)
    indices, points = indices[present], points[present]
    cleaned = [check.clean(found.pop(i), p) for i, p in zip(indices.tolist(), points[:, BODY], strict=True)]
    verdicts = check.judge(cleaned, points[:, BODY])
    _complain_if_cut_off(video, verdicts)
    left_out += [LeftOut(int(i), v.reason) for i, v in zip(indices, verdicts, strict=True) if v.weight == 0.0]
    weights = np.array([v.weight for v in verdicts], np.float32) * _sharpness_weights(
        clip, indices.tolist(), cleaned, tell
    )
    keep = np.flatnonzero(weights > 0.0)
    if len(keep) < MIN_FRAMES:
        reasons = sorted({v.reason for v in verdicts if v.reason})
        raise NoPersonError(
            f"only {len(keep)} frames of {video} can be used ({', '.join(reasons)}): "
            "film the whole person against a calm background, or give better masks"
        )
    points = undistort_points(points[keep], camera)
    return Capture(
        frame_indices=indices[keep],
        keypoints=points[:, BODY],
        face=face_of(points),
        hands=hands_of(points),
        masks=undistort_masks(np.stack([cleaned[i] for i in keep]), camera),
        camera=pinhole(camera),
        frame_weights=weights[keep],
        fps=clip.fps,
        left_out=tuple(sorted((*selection.left_out, *left_out), key=lambda x: x.frame_index)),
        warnings=_warnings(verdicts, len(selection.slots), len(keep), len(swapped)),
        sources={
            "keypoints": str(keypoints) if keypoints else DETECTORS[detector],
            "masks": str(masks) if masks else "MediaPipe, refined",
            "frames_in_video": look.frame_count,
            "frames_swapped": len(swapped),
        },
    )


def _detect_people(
    clip: Clip, selection: Selection, detector: Detector, tell: Progress
) -> tuple[dict[int, People], Selection]:
    """Look for people in each slot's frames until one shows somebody; the selection then has only frames looked at."""
    people: dict[int, People] = {}
    open_slots = [list(slot) for slot in selection.slots]
    with detector:
        while open_slots:
            slot_of = {slot.pop(0): slot for slot in open_slots}
            open_slots = []
            for index, frame in clip.frames(sorted(slot_of)):
                people[index] = detector.detect(frame)
                tell("Finding the person", len(people), max(len(people), len(selection.slots)))
                if not any(map(is_person, people[index])):
                    clip.forget([index])
                    if slot_of[index]:
                        open_slots.append(slot_of[index])
    looked_at = (tuple(i for i in slot if i in people) for slot in selection.slots)
    return people, Selection(tuple(slot for slot in looked_at if slot), selection.left_out)


def _follow(people: dict[int, People]) -> _Track:
    """Follow one person through all frames that are known, not only the chosen ones: motion then tells more."""
    points = track_person(people, sorted(people))
    if not points:
        return _Track({}, frozenset(), {})
    indices = np.array(list(points), np.int64)
    fixed, swapped = fix_left_right(np.stack(list(points.values())), indices)
    exchanged = frozenset(indices[swapped].tolist())
    return _Track(dict(zip(indices.tolist(), fixed, strict=True)), exchanged, rivals(people, points))


def _find_person(
    clip: Clip, selection: Selection, found: _Track | None, need_masks: bool, tell: Progress
) -> tuple[dict[int, _Seen], list[LeftOut]]:
    """Fill each slot with its best frame that shows the person. Frame index → what is seen there."""
    track = found.points if found is not None else None
    if track is not None and not need_masks:
        return _fill(selection, lambda index: _Seen(track[index], None) if index in track else None)
    seen: dict[int, _Seen] = {}
    left_out: list[LeftOut] = []
    open_slots = [list(slot) for slot in selection.slots]
    done, total = 0, len(open_slots)
    with MediaPipeDetector() as detector:
        while open_slots:
            slot_of = {slot.pop(0): slot for slot in open_slots}
            open_slots = []
            for index, frame in clip.frames(sorted(slot_of)):
                detection = detector.detect(frame) if track is None or index in track else None
                state = _combine(detection, track, index)
                if state is not None:
                    seen[index] = state
                    done += 1
                    tell("Finding the person", done, total)
                    continue
                left_out.append(LeftOut(index, "nobody was found in it"))
                clip.forget([index])
                if slot_of[index]:
                    open_slots.append(slot_of[index])
    return seen, left_out


def _fill(selection: Selection, look: Callable[[int], _Seen | None]) -> tuple[dict[int, _Seen], list[LeftOut]]:
    seen: dict[int, _Seen] = {}
    left_out: list[LeftOut] = []
    for slot in selection.slots:
        for index in slot:
            state = look(index)
            if state is not None:
                seen[index] = state
                break
            left_out.append(LeftOut(index, "nobody was found in it"))
    return seen, left_out


def _combine(detection: Detection | None, track: dict[int, Points] | None, index: int) -> _Seen | None:
    if detection is None:
        return None
    return _Seen(whole(detection.keypoints) if track is None else track[index], detection.probability)


def _make_masks(clip: Clip, seen: dict[int, _Seen], indices: list[int], tell: Progress) -> dict[int, Mask]:
    coarse = {i: p for i in indices if (p := seen[i].probability) is not None}
    picked = [indices[i] for i in np.unique(np.linspace(0, len(indices) - 1, LEARN_FRAMES).round().astype(int))]
    tell("Sharpening the masks", 0, len(indices))
    refiner = MaskRefiner.learn([(frame, coarse[i]) for i, frame in clip.frames(picked)])
    masks: dict[int, Mask] = {}
    for index, frame in clip.frames(indices):
        masks[index] = refiner.refine(frame, coarse[index], seen[index].keypoints[BODY])
        tell("Sharpening the masks", len(masks), len(indices))
    return masks


def _sharpness_weights(clip: Clip, indices: list[int], masks: list[Mask], tell: Progress) -> NDArray[np.float32]:
    by_index = dict(zip(indices, masks, strict=True))
    sharpness = []
    for index, frame in clip.frames(indices):
        sharpness.append(check.person_sharpness(frame, by_index[index]))
        tell("Checking the frames", len(sharpness), len(indices))
    ratio = relative_sharpness(np.array(sharpness, np.float32))
    return np.clip(ratio / SOFT, check.DOUBT, 1.0).astype(np.float32)


def _complain_if_cut_off(video: Path, verdicts: list[check.Verdict]) -> None:
    cut = sum(v.cut_off for v in verdicts)
    if verdicts and cut > CUT_OFF_SHARE * len(verdicts):
        raise NoPersonError(
            f"the person in {video} is cut off at the top or bottom in {cut} of {len(verdicts)} frames: "
            "film from further away so that head and feet stay in the picture"
        )


def _complain_of_rivals(video: Path, track: _Track, indices: list[int], given: dict[int, Mask]) -> None:
    """Refuse a clip of two people, unless masks that somebody made say who is meant."""

    def meant(index: int, points: Points) -> bool:
        return index not in given or check.share_on_mask(given[index], points[BODY]) > check.OFF_MASK

    count = sum(meant(i, track.rivals[i]) for i in indices if i in track.rivals)
    if count > RIVAL_SHARE * len(indices):
        raise NoPersonError(
            f"two people of about the same size are in {count} of {len(indices)} frames of {video}: "
            "film one person alone, or give masks of the one who is meant"
        )


def _nobody(video: Path, count: int, slots: int, keypoints: Path | None) -> str:
    if slots < MIN_FRAMES:
        return (
            f"only {slots} frames of {video} differ from each other: "
            "give the film of a person who turns around, not a still picture"
        )
    where = f"by the keypoints in {keypoints}" if keypoints else "by the detector"
    found = "nobody was found" if count == 0 else f"a person was found in only {count} frames"
    return f"{found} in {video} {where}: film one whole person, well lit, from head to feet"


def _warnings(verdicts: list[check.Verdict], wanted: int, used: int, swapped: int) -> tuple[str, ...]:
    warnings = []
    cut = sum(v.cut_off for v in verdicts)
    if cut:
        warnings.append(f"The person is cut off at the top or bottom in {cut} frames; they are left out.")
    if used < 0.7 * wanted:
        warnings.append(f"Only {used} of {wanted} chosen frames could be used; see the reasons in metrics.json.")
    if swapped > MANY_SWAPPED * wanted:
        warnings.append(
            f"The keypoints' left and right were exchanged in {swapped} of {wanted} chosen frames and were put right; "
            "if the avatar is still wrong, try another detector."
        )
    return tuple(warnings)
