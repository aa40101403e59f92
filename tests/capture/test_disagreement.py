from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from fit_avatar.capture.disagreement import require_agreement, unseen_parts
from fit_avatar.capture.refusals import Given
from fit_avatar.errors import BadInputError

W, H = 240, 200
BOTH = Given(Path("clip.mp4"), Path("points"), Path("masks"))
ONLY_MASKS = Given(Path("clip.mp4"), None, Path("masks"))
NOTHING = Given(Path("clip.mp4"))
Frames = dict[int, NDArray[np.float32]]


def person(t: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return 25 points along a bent strip that stands left of the middle, bends more and more, and its mask."""
    v = np.linspace(30, 170, 25)
    u = 80 + (10 + 3 * t) * np.sin((v - 30) / 60) + (v - 100) * 0.2
    mask = np.zeros((H, W), bool)
    rows = np.arange(24, 176)
    centre = 80 + (10 + 3 * t) * np.sin((rows - 30) / 60) + (rows - 100) * 0.2
    for row, c in zip(rows, centre, strict=True):
        mask[row, int(c) - 5 : int(c) + 6] = True
    return np.stack([u, v, np.ones(25)], 1).astype(np.float32), mask


POINTS: Frames = {t: person(t)[0] for t in range(16)}
MASKS = {t: person(t)[1] for t in range(16)}


def changed(move: NDArray[np.float64], offset: tuple[float, float]) -> Frames:
    return {
        t: np.concatenate([p[:, :2] @ move.T + np.array(offset), p[:, 2:]], 1).astype(np.float32)
        for t, p in POINTS.items()
    }


def test_what_belongs_together_passes() -> None:
    require_agreement(POINTS, MASKS, (W, H), BOTH)
    require_agreement(POINTS, MASKS, (W, H), NOTHING)
    require_agreement({}, {}, (W, H), BOTH)


@pytest.mark.parametrize(
    ("points", "said"),
    [
        (changed(np.array([[-1.0, 0], [0, 1]]), (W, 0)), "mirrored, left to right"),
        (changed(np.array([[1.0, 0], [0, -1]]), (0, H)), "mirrored, top to bottom"),
        (changed(np.array([[-1.0, 0], [0, -1]]), (W, H)), "turned upside down"),
        (changed(np.array([[0.0, 1], [-1, 0]]), (0, W)), "turned by 90° to the right"),
        (changed(np.eye(2), (40.0, 0.0)), "moved by about 4\\d pixels left"),
    ],
)
def test_the_change_is_named_and_the_files(points: Frames, said: str) -> None:
    with pytest.raises(BadInputError, match=rf"the keypoints in points lie on the masks in masks only if .*{said}"):
        require_agreement(points, MASKS, (W, H), BOTH)


def test_only_what_was_given_is_to_be_made_again() -> None:
    mirrored = {t: mask[:, ::-1] for t, mask in MASKS.items()}
    with pytest.raises(BadInputError, match="make the masks from this video") as told:
        require_agreement(POINTS, mirrored, (W, H), ONLY_MASKS)
    assert "both" not in str(told.value) and "keypoints found in clip.mp4" in str(told.value)


def test_other_frames_are_found() -> None:
    late = {t: POINTS[t + 4] for t in range(12)}
    with pytest.raises(BadInputError, match="taken from 4 frames earlier"):
        require_agreement(late, MASKS, (W, H), BOTH)


def test_boxes_and_parts_of_the_person_are_named() -> None:
    boxes = {t: np.zeros((H, W), bool) for t in POINTS}
    for t, box in boxes.items():
        rows, columns = np.flatnonzero(MASKS[t].any(1)), np.flatnonzero(MASKS[t].any(0))
        box[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = True
    with pytest.raises(BadInputError, match="the masks in masks are filled boxes"):
        require_agreement(POINTS, boxes, (W, H), BOTH)
    parts = {t: mask & (np.arange(H)[:, None] < 90) for t, mask in MASKS.items()}
    with pytest.raises(BadInputError, match=r"the masks in masks show only a part of the person \(4\d %"):
        require_agreement(POINTS, parts, (W, H), BOTH)
    require_agreement(POINTS, boxes, (W, H), NOTHING)


def test_the_same_keypoints_in_every_frame_are_named() -> None:
    still = dict.fromkeys(POINTS, POINTS[0])
    with pytest.raises(BadInputError, match="the keypoints in points are the same in every frame"):
        require_agreement(still, MASKS, (W, H), BOTH)
    require_agreement(still, dict.fromkeys(MASKS, MASKS[0]), (W, H), BOTH)


def test_masks_of_another_person_are_named() -> None:
    beside = {t: p + np.float32([120, 0, 0]) for t, p in POINTS.items()}
    wobbling = {t: p + np.float32([12 * (t % 5), 0, 0]) for t, p in beside.items()}
    people = {t: np.stack([np.pad(p, ((0, 112), (0, 0))) for p in (POINTS[t], wobbling[t])]) for t in POINTS}
    with pytest.raises(BadInputError, match="of another person than the masks in masks: leave only that person"):
        require_agreement(wobbling, MASKS, (W, H), BOTH, people=people)


def test_parts_that_no_frame_shows_are_warned_about() -> None:
    whole = {0: np.ones((1, 137, 3), np.float32)}
    assert unseen_parts(whole, "k") == ()
    whole[0][0, 9:15, 2] = 0
    (said,) = unseen_parts(whole, "k")
    assert "The keypoints in k show no hips, knees or ankles" in said
    assert unseen_parts({0: np.zeros((0, 137, 3), np.float32)}, "k") == ()
