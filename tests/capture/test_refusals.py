"""Messages advise only about what the user gave."""

from pathlib import Path

import numpy as np
import pytest

from fit_avatar.capture.refusals import Given, empty_masks, looks_like_masks, why_nobody
from fit_avatar.capture.slots import NOT_DECODED

CLIP, POINTS, MASKS = Path("clip.mp4"), Path("points"), Path("own_masks")
NOTHING, ALL = Given(CLIP), Given(CLIP, POINTS, MASKS)


@pytest.mark.parametrize("given", [NOTHING, Given(CLIP, POINTS), Given(CLIP, None, MASKS), ALL])
def test_files_are_named_if_they_were_given_and_only_then(given: Given) -> None:
    told = [
        given.mismatch(5, 9), given.cut_off("at the bottom in 5 of 9 frames"), given.nobody(0, {}),
        given.too_few(1, ["the mask is empty"]),
        given.agree_only_if("mirrored"), given.unusable("the mask is empty"),
    ]  # fmt: skip
    for sentence in told:
        assert ("own_masks" in sentence) <= (given.masks is not None), sentence
        assert ("points" in sentence.replace("keypoints", "")) <= (given.keypoints is not None), sentence
        assert ("both" in sentence) <= (given.keypoints is not None and given.masks is not None), sentence
        assert ": " in sentence, "no remedy"


def test_a_damaged_clip_is_not_to_be_filmed_again() -> None:
    assert "copy it again" in NOTHING.too_few(2, [NOT_DECODED])
    assert "film" in NOTHING.too_few(2, [NOT_DECODED, "the mask is empty"])


def test_masks_that_show_nobody_are_told_by_their_values() -> None:
    classes = np.where(np.eye(9) > 0, 3, 1).astype(np.uint8)
    assert "own_masks hold the values 1 and 3" in empty_masks(MASKS, [classes, classes])
    assert "have the value 255 everywhere" in empty_masks(MASKS, [np.full((4, 4), 255, np.uint8)])
    assert "hold values from 0 to 99" in empty_masks(MASKS, [np.arange(100, dtype=np.uint8).reshape(10, 10)])


def test_a_film_of_masks_is_recognised() -> None:
    mask = np.zeros((40, 40, 3), np.uint8)
    assert not looks_like_masks(mask)
    mask[10:30, 15:25] = 250
    assert looks_like_masks(mask)
    mask[:10] = (40, 200, 90)
    assert not looks_like_masks(mask)


def test_why_keypoints_show_nobody() -> None:
    person = np.zeros((1, 137, 3), np.float32)
    assert "no person in any" in why_nobody({0: person[:0]})
    person[0, :25, 2] = 0.05
    assert "confidences are at most 0.05" in why_nobody({0: person})
    person[0, [0, 15, 16], 2] = 0.9
    assert "at most 3 points of a body" in why_nobody({0: person})
    person[:, :25, 2], person[:, 100, 2] = 0, 0.9
    assert "face or hands alone" in why_nobody({0: person})
    assert "in only 1 frame:" in Given(CLIP, POINTS).nobody(1, {0: person})


def test_keypoints_are_not_blamed_where_the_detector_makes_the_masks() -> None:
    person = np.zeros((1, 137, 3), np.float32)
    person[0, :25, 2] = 0.9
    people = dict.fromkeys(range(9), person)
    told = Given(CLIP, POINTS).nobody(0, people)
    assert told.startswith("nobody is found in clip.mp4 by the built-in detector, which makes the masks where")
    assert "give masks, too" in told
    assert "a person is found in only 2 frames of clip.mp4" in Given(CLIP, POINTS).nobody(2, people)
    assert "in only 9 frames:" in Given(CLIP, POINTS).nobody(9, people)
    assert "in only 2 frames: find them" in ALL.nobody(2, people)
