"""Frames that show a person in part: methods that take them, and methods that leave them out."""

from dataclasses import replace

import numpy as np
import pytest

from fit_avatar.body.keypoint_sets import BODY_25
from fit_avatar.capture import Camera, Capture, CutOff, LeftOut
from fit_avatar.errors import NoPersonError
from fit_avatar.fitting import (
    PRESETS,
    ConsensusShape,
    Observations,
    fit,
    only_whole,
    schedule_from_json,
    schedule_to_json,
)
from fit_avatar.fitting.partial import never_seen, partial_notes, shows_whole, whole_places, without_clothes

CAMERA = Camera(300.0, 300.0, 50.0, 50.0, 100, 100)
LEGS = [i for i, name in enumerate(BODY_25) if any(word in name for word in ("knee", "ankle", "toe", "heel"))]


def captured(*cut: CutOff, frames: int = 10) -> Capture:
    """Return a capture of every third frame."""
    keypoints = np.full((frames, 25, 3), (50.0, 50.0, 0.9), np.float32)
    masks = np.zeros((frames, 100, 100), bool)
    weights = np.ones(frames, np.float32)
    return Capture(3 * np.arange(frames), keypoints, masks, CAMERA, weights, left_out=(LeftOut(7, "x"),), cut_off=cut)


def test_a_turn_does_without_frames_that_lack_head_or_feet() -> None:
    seen = captured(CutOff(3, ("bottom",)), CutOff(6, ("left",)), CutOff(12, ("top", "left")))
    assert whole_places(seen).tolist() == [0, 2, 3, 5, 6, 7, 8, 9]
    whole = only_whole(seen)
    assert whole.frame_indices.tolist() == [0, 6, 9, 15, 18, 21, 24, 27]
    assert whole.frame_weights.tolist() == [1.0, pytest.approx(0.3), *[1.0] * 6], "something is outside at the left"
    assert [frame.frame_index for frame in whole.left_out] == [3, 7, 12]
    assert whole.left_out[0].reason == "the person is cut off at the frame's bottom"
    assert whole.warnings[-1].startswith("The person is cut off at the bottom in 1 of 10 frames (3) and at the top and")
    assert whole.cut_off == (CutOff(6, ("left",)),)


def test_a_capture_of_whole_people_stays_as_it_is() -> None:
    seen = captured()
    assert shows_whole(seen) and only_whole(seen) is seen and partial_notes(seen, ()) == ()


def test_a_method_for_whole_people_refuses_who_is_nearly_always_cut_off() -> None:
    seen = captured(*(CutOff(3 * t, ("bottom",)) for t in range(9)))
    assert not shows_whole(seen)
    with pytest.raises(NoPersonError, match=r"cut off at the bottom in 9 of 10 frames \(0 to 24\), .*further away, so"):
        only_whole(seen)
    given = replace(seen, sources={"keypoints": "MediaPipe", "masks": "mine"})
    with pytest.raises(NoPersonError, match=r"make the masks in mine without floor and background, so that"):
        only_whole(given)
    assert shows_whole(captured(*seen.cut_off[:7]))


def test_parts_that_no_frame_shows_are_named() -> None:
    seen = captured(CutOff(0, ("bottom",)))
    assert never_seen(seen) == ()
    seen.keypoints[:, LEGS, 1] = 100.5
    seen.keypoints[:, BODY_25.index("left_wrist"), 2] = 0.1
    unseen = never_seen(seen)
    assert unseen[0] == "left forearm" and len(unseen) == 7
    cut, guess = partial_notes(seen, unseen)
    assert (
        cut == "The person is cut off at the bottom in 1 of 10 frames (0): there they are fitted where they are seen."
    )
    assert guess.startswith("No frame shows the left forearm, thighs, lower legs and feet: where they are, and how")
    assert "no clothes" in partial_notes(seen, unseen, clothed=False)[-1]
    seen.keypoints[4, LEGS, 1] = 80.0
    assert never_seen(seen) == ("left forearm",), "one frame of ten does"


def test_betas_alone_are_what_comes_before_the_first_consensus_shape() -> None:
    motion = PRESETS["motion"]()
    plain = without_clothes(motion)
    assert plain.actions == motion.actions[:4] and not any(isinstance(a, ConsensusShape) for a in plain.actions)
    assert without_clothes(PRESETS["track"]()) == PRESETS["track"]()


def test_methods_say_whether_they_take_partial_frames() -> None:
    assert [name for name in PRESETS if PRESETS[name]().partial] == ["motion", "track"]
    assert schedule_from_json(schedule_to_json(PRESETS["track"]()), "track").partial


def test_a_fit_from_a_script_gives_them_no_weight(body, monkeypatch: pytest.MonkeyPatch) -> None:
    seen, weights = captured(CutOff(3, ("bottom",))), {}

    def observed(capture, *_):
        weights["given"] = capture.frame_weights.tolist()
        raise KeyboardInterrupt

    monkeypatch.setattr(Observations, "of", observed)
    for name, expected in {"video-avatar": [1.0, 0.0] + [1.0] * 8, "motion": [1.0] * 10}.items():
        with pytest.raises(KeyboardInterrupt):
            fit(body, seen, schedule=name)
        assert weights["given"] == expected
