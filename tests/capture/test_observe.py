from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from cardboard import HEIGHT, WIDTH, FigureDetector, frame, person, scene, write_masks, write_openpose, write_video

from fit_avatar.body.keypoint_sets import BODY_25_MIRROR
from fit_avatar.capture import mediapipe_pose, observe, observe_every_frame, read_frames
from fit_avatar.capture.camera import camera_from, undistort_points
from fit_avatar.capture.config import CaptureConfig
from fit_avatar.capture.mask_check import MaskCheckConfig
from fit_avatar.capture.mediapipe_pose import Detection
from fit_avatar.capture.moves import moved_mask, moved_picture, moved_points
from fit_avatar.capture.points import BODY
from fit_avatar.capture.source import Source
from fit_avatar.capture.types import CutOff
from fit_avatar.errors import BadInputError, NoPersonError

CAMERA, _ = camera_from(WIDTH, HEIGHT, focal_px=150)
SHIFTS = [float(s) for s in range(-12, 12, 2)]


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_video(tmp_path / "clip.mp4", [frame(s) for s in SHIFTS])


@pytest.fixture
def masks(tmp_path: Path) -> Path:
    return write_masks(tmp_path / "masks", [person(s)[0] for s in SHIFTS])


@pytest.fixture
def keypoints(tmp_path: Path) -> Path:
    return write_openpose(tmp_path / "keypoints", [[person(s)[1]] for s in SHIFTS])


@pytest.fixture
def undecodable(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """Indices of frames that decode when the frames are measured, but never again, where none is kept."""
    lost: set[int] = set()
    monkeypatch.setattr(sys.modules["fit_avatar.capture.clip"], "MEMORY_BYTES", 0)

    def read(path: Path, indices: Iterable[int]) -> Iterator[tuple[int, np.ndarray]]:
        return (pair for pair in read_frames(path, indices) if pair[0] not in lost)

    monkeypatch.setattr(sys.modules["fit_avatar.capture.clip"], "read_frames", read)
    return lost


@pytest.fixture
def detector(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["fit_avatar.capture.observer"], "MediaPipeDetector", FigureDetector)


def test_given_inputs(clip: Path, masks: Path, keypoints: Path) -> None:
    steps: list[str] = []
    capture = observe(
        clip, camera=CAMERA, keypoints=keypoints, masks=masks, progress=lambda step, done, total: steps.append(step)
    )
    assert capture.frame_indices.tolist() == list(range(12))
    assert capture.masks.shape == (12, HEIGHT, WIDTH) and capture.masks.dtype == bool
    assert np.allclose(capture.keypoints[3], person(SHIFTS[3])[1], atol=1e-3)
    assert (capture.frame_weights > 0.5).all() and capture.left_out == ()
    assert capture.fps == pytest.approx(25, abs=0.5)
    assert "Reading the video" in steps
    assert observe(clip, camera=CAMERA, keypoints=keypoints, masks=masks, frames=4).masks.shape[0] == 4


def test_given_inputs_need_no_detector(clip: Path, masks: Path, keypoints: Path) -> None:
    code = (
        "import sys; sys.modules['ai_edge_litert'] = None\n"  # as if it were not installed
        "from pathlib import Path; from fit_avatar.capture import observe, camera_from\n"
        f"c, _ = camera_from({WIDTH}, {HEIGHT}, focal_px=150)\n"
        f"s = observe(Path({str(clip)!r}), camera=c, keypoints=Path({str(keypoints)!r}), masks=Path({str(masks)!r}))\n"
        "assert s.limb_directions is None and 'torch' not in sys.modules"
    )
    root = Path(mediapipe_pose.__file__).parents[2]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root)


@pytest.mark.usefixtures("detector")
def test_raw_video(clip: Path) -> None:
    capture = observe(clip, camera=CAMERA)
    truth = np.stack([person(SHIFTS[i])[0] for i in capture.frame_indices])
    assert len(truth) >= 10
    assert (capture.masks & truth).sum() / (capture.masks | truth).sum() > 0.93


@pytest.mark.usefixtures("detector")
def test_one_of_the_two_given(clip: Path, masks: Path, keypoints: Path) -> None:
    assert observe(clip, camera=CAMERA, masks=masks).sources["keypoints"] == "MediaPipe"
    assert observe(clip, camera=CAMERA, keypoints=keypoints).sources["masks"] == "MediaPipe, refined"


@pytest.mark.usefixtures("detector")
def test_frames_without_the_person_are_replaced(tmp_path: Path) -> None:
    pictures = [frame(s) for s in SHIFTS]
    pictures[4] = scene()
    pictures[4][person()[0]] = 60  # a grey statue, as sharp as the person
    capture = observe(write_video(tmp_path / "a.mp4", pictures), camera=CAMERA, frames=6)
    assert len(capture.frame_indices) == 6 and 4 not in capture.frame_indices
    assert {x.frame_index: x.reason for x in capture.left_out}[4] == "nobody was found in it"


def test_a_frame_that_fails_its_second_decoding_is_left_out(
    clip: Path, masks: Path, keypoints: Path, undecodable: set[int]
) -> None:
    undecodable |= {2, 5, 11}
    capture = observe(clip, camera=CAMERA, keypoints=keypoints, masks=masks)
    assert capture.frame_indices.tolist() == [i for i in range(12) if i not in undecodable]
    assert {x.frame_index: x.reason for x in capture.left_out} == dict.fromkeys(
        (2, 5, 11), "it could not be decoded a second time"
    )


@pytest.mark.usefixtures("detector")
def test_a_frame_that_fails_its_second_decoding_is_replaced(clip: Path, undecodable: set[int]) -> None:
    undecodable |= {0, 6}  # the preferred frames of the first and the fourth pair
    capture = observe(clip, camera=CAMERA, frames=6)
    assert capture.frame_indices.tolist() == [1, 2, 4, 7, 8, 10]
    assert [(x.frame_index, "decoded a second time" in x.reason) for x in capture.left_out] == [(0, True), (6, True)]


@pytest.mark.usefixtures("detector")
def test_a_frame_that_fails_after_the_person_was_found_is_left_out(
    clip: Path, undecodable: set[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    module = sys.modules["fit_avatar.capture.masking"]
    make_masks = module.MaskRefiner.learn

    def learn(*args: object) -> object:
        undecodable.add(3)
        return make_masks(*args)

    monkeypatch.setattr(sys.modules["fit_avatar.capture.clip"], "MEMORY_BYTES", 0)
    monkeypatch.setattr(module.MaskRefiner, "learn", staticmethod(learn))
    capture = observe(clip, camera=CAMERA)
    assert capture.frame_indices.tolist() == [i for i in range(12) if i != 3]
    assert [x.frame_index for x in capture.left_out] == [3]


def test_too_few_frames_that_decode_are_refused(
    clip: Path, masks: Path, keypoints: Path, undecodable: set[int]
) -> None:
    undecodable |= set(range(10))
    with pytest.raises(
        NoPersonError, match=r"^only 2 frames of .* \(it could not be decoded a second time\): the file may be damaged"
    ):
        observe(clip, camera=CAMERA, keypoints=keypoints, masks=masks)


def test_settings_reach_the_algorithms(clip: Path, masks: Path, keypoints: Path) -> None:
    config = CaptureConfig(min_frames=20)
    with pytest.raises(BadInputError, match="--frames 12 is too few: use at least 20"):
        observe(clip, camera=CAMERA, keypoints=keypoints, masks=masks, frames=12, config=config)
    strict = CaptureConfig(mask_check=MaskCheckConfig(max_area_jump=-1.0))
    with pytest.raises(NoPersonError, match="the mask's area jumps"):
        observe(clip, camera=CAMERA, keypoints=keypoints, masks=masks, config=strict)


def test_face_and_hands_come_along(clip: Path, masks: Path, tmp_path: Path) -> None:
    folder = tmp_path / "whole"
    folder.mkdir()
    hand = np.array([[30.0, 60.0, 0.8]] * 21)
    for i, shift in enumerate(SHIFTS):
        parts = {"pose": person(shift)[1], "hand_left": hand + (0.1 * i, 0, 0), "hand_right": [], "face": []}
        (folder / f"{i}.json").write_text(
            json.dumps({"people": [{f"{k}_keypoints_2d": np.ravel(v).tolist() for k, v in parts.items()}]})
        )
    capture = observe(clip, camera=CAMERA, keypoints=folder, masks=masks, frames=6)
    assert capture.face is None and capture.hands is not None
    assert capture.hands.shape == (6, 2, 21, 3) and capture.hands.dtype == np.float32
    assert np.allclose(capture.hands[:, 0, 4, 0], 30 + 0.1 * capture.frame_indices)
    assert (capture.hands[:, 1] == 0).all()
    sets = capture.point_sets
    assert sets.keys() - {"body_33", "body_33_world"} == {"body_25", "left_hand_21"}
    assert (sets["body_25"] == capture.keypoints).all() and (sets["left_hand_21"] == capture.hands[:, 0]).all()
    bent = observe(clip, camera=replace(CAMERA, k=(-0.1, 0, 0, 0, 0)), keypoints=folder, masks=masks, frames=6)
    assert bent.hands is not None
    moved = undistort_points(capture.hands, replace(CAMERA, k=(-0.1, 0.0, 0.0, 0.0, 0.0)))
    assert np.allclose(bent.hands, moved) and not np.allclose(moved, capture.hands)


def test_lens_distortion_is_undone(clip: Path, masks: Path, keypoints: Path) -> None:
    bent = replace(CAMERA, k=(-0.1, 0.0, 0.0, 0.0, 0.0))
    capture = observe(clip, camera=bent, keypoints=keypoints, masks=masks)
    plain = observe(clip, camera=CAMERA, keypoints=keypoints, masks=masks)
    assert capture.camera.k == (0.0,) * 5
    assert np.abs(capture.keypoints - plain.keypoints).max() > 0.5
    u, v = capture.keypoints[0, 10, :2]
    assert capture.masks[0, int(v), int(u)]


@pytest.mark.usefixtures("detector")
def test_nobody(tmp_path: Path) -> None:
    empty = frame(0.0)[:, :1].repeat(WIDTH, 1)
    path = write_video(tmp_path / "a.mp4", [np.roll(empty, 3 * i, axis=0) for i in range(6)])
    with pytest.raises(NoPersonError, match=r"^nobody was found in .*a\.mp4 by the detector: film one whole person"):
        observe(path, camera=CAMERA)


def test_a_clip_of_a_moment_is_refused(tmp_path: Path) -> None:
    short = write_video(tmp_path / "short.mp4", [frame(s) for s in SHIFTS[:7]])
    points = write_openpose(tmp_path / "points", [[person(s)[1]] for s in SHIFTS[:7]])
    masks = write_masks(tmp_path / "few", [person(s)[0] for s in SHIFTS[:7]])
    with pytest.raises(NoPersonError, match=r"a person is seen in .*short\.mp4 for 0\.24 s only: give a longer clip"):
        observe(short, camera=CAMERA, keypoints=points, masks=masks)


def test_nobody_in_the_keypoints(clip: Path, masks: Path, tmp_path: Path) -> None:
    folder = write_openpose(tmp_path / "empty", [[] for _ in SHIFTS])
    with pytest.raises(NoPersonError, match=r"the keypoints in .* show nobody: there is no person in any"):
        observe(clip, camera=CAMERA, keypoints=folder, masks=masks)


@dataclass(frozen=True)
class Two:
    """A clip of two people, and what is known of it."""

    video: Path
    everybody: list[list[np.ndarray]]  # by frame: points of the one on the left and of the one on the right
    keypoints: Path
    left: Path
    both: Path


@pytest.fixture
def two(tmp_path: Path) -> Two:
    places = [(s / 2 - 22, s / 2 + 24) for s in SHIFTS]
    video = write_video(tmp_path / "two.mp4", [np.maximum(frame(a), frame(b)) for a, b in places])
    everybody = [[person(a)[1], person(b)[1]] for a, b in places]
    mixed = [pair[:: 1 if i % 2 else -1] for i, pair in enumerate(everybody)]
    masks = [(person(a)[0], person(b)[0]) for a, b in places]
    return Two(
        video,
        everybody,
        write_openpose(tmp_path / "mixed", mixed),
        write_masks(tmp_path / "left", [a for a, _ in masks]),
        write_masks(tmp_path / "both", [a | b for a, b in masks]),
    )


class Among:
    """A stand-in for the built-in models' second look: it sees the person where they are known to be."""

    def __init__(self, **_: object) -> None: ...


@pytest.fixture
def second_look(monkeypatch: pytest.MonkeyPatch) -> None:
    def look(estimator: object, picture: np.ndarray, own: np.ndarray, others: object, config: object) -> Detection:
        mask, _ = person(float(own[8, 0]) - WIDTH / 2)
        return Detection(own[BODY], mask.astype(np.uint8) * 255)

    monkeypatch.setattr(sys.modules["fit_avatar.capture.observer"], "PoseEstimator", Among)
    monkeypatch.setattr(sys.modules["fit_avatar.capture.observer"], "detect_among", look)


@pytest.mark.usefixtures("second_look")
@pytest.mark.parametrize("number", [1, 2])
def test_one_of_two_people_is_observed_by_number(two: Two, number: int) -> None:
    capture = observe(two.video, camera=CAMERA, keypoints=two.keypoints, person=number)
    assert capture.people is not None and len(capture.people) == 2
    x = capture.keypoints[:, 8, 0]
    same = [np.abs(x - [pair[k][8, 0] for pair in two.everybody]).max() < 1 for k in (0, 1)]
    assert sum(same) == 1  # the same one in all frames, although the files mix them
    assert all(mask[int(v), int(u)] for mask, (u, v, _) in zip(capture.masks, capture.keypoints[:, 8], strict=True))
    first = observe(two.video, camera=CAMERA, keypoints=two.keypoints, person=3 - number)
    assert np.abs(first.keypoints[:, 8, 0] - x).min() > 30
    (told,) = [warning for warning in capture.warnings if "persons" in warning]
    assert told.startswith("2 persons are in this clip: 1 (on the ") and told.endswith(f"person {number} is fitted.")


@pytest.mark.usefixtures("second_look")
def test_the_user_is_told_that_there_are_others(two: Two) -> None:
    capture = observe(two.video, camera=CAMERA, keypoints=two.keypoints)
    (told,) = [warning for warning in capture.warnings if "persons" in warning]
    assert "person 1 is fitted: choose another one with --person, or all of them with --person all." in told
    every = observe_every_frame(two.video, capture, camera=CAMERA, keypoints=two.keypoints)
    few = observe(two.video, camera=CAMERA, keypoints=two.keypoints, frames=4, people=capture.people)
    assert every.warnings == ()
    between = observe_every_frame(two.video, few, camera=CAMERA, keypoints=two.keypoints)
    assert np.abs(between.keypoints[:, 8, 0] - capture.keypoints[:, 8, 0]).max() < 1


def test_given_masks_say_who_is_meant(two: Two) -> None:
    capture = observe(two.video, camera=CAMERA, keypoints=two.keypoints, masks=two.left)
    assert np.allclose(capture.keypoints[:, 8], [pair[0][8] for pair in two.everybody], atol=1e-2)


def test_masks_that_hold_two_people_are_refused(two: Two) -> None:
    with pytest.raises(NoPersonError, match=r"^the masks in .*both hold two people in 12 of 12 frames: give masks of"):
        observe(two.video, camera=CAMERA, keypoints=two.keypoints, masks=two.both)


def test_a_number_that_nobody_has_is_refused(two: Two, clip: Path, keypoints: Path) -> None:
    with pytest.raises(BadInputError, match=r"^--person 3 is not there: 2 persons were told apart in .*two\.mp4,"):
        observe(two.video, camera=CAMERA, keypoints=two.keypoints, person=3)
    with pytest.raises(BadInputError, match=r"^--person 2 is not there: one person was told apart in .*, so give 1$"):
        observe(clip, camera=CAMERA, keypoints=keypoints, person=2)


@pytest.mark.usefixtures("detector")
def test_black_and_titles_cost_no_frames(tmp_path: Path) -> None:
    shown = [frame(s) for s in SHIFTS]
    title = np.full_like(shown[0], 90)
    title[40:80:9, 20:70] = 230
    pictures = [shown[0] * np.uint8(0)] * 8 + shown[:6] + [title] * 12 + shown[6:]
    capture = observe(write_video(tmp_path / "a.mp4", pictures), camera=CAMERA, frames=12)
    assert capture.frame_indices.tolist() == [*range(8, 14), *range(26, 32)]
    reasons = {x.frame_index: x.reason for x in capture.left_out}
    assert "nothing is to be seen in it" in reasons[0] and "title" in reasons[14]
    assert set(reasons) == {*range(8), *range(14, 26)}
    assert capture.warnings[:1] == (
        "Left out of the video: 8 frames black, plain, covered or fading, 12 frames of titles and of stills without a "
        "person.",
    )


def test_a_bumped_camera_is_steadied(tmp_path: Path) -> None:
    width, height = 3 * WIDTH, 3 * HEIGHT
    move = cv2.getRotationMatrix2D((width / 2, height / 2), 0.5, 1.0).astype(np.float32) + np.float32(
        [[0, 0, 5], [0, 0, -2]]
    )
    still = [frame(3 * s, width, height) for s in SHIFTS]
    masks, points = zip(*(person(3 * s, width, height) for s in SHIFTS), strict=True)
    bumped = range(7, 12)
    video = write_video(
        tmp_path / "clip.mp4", [moved_picture(p, move) if t in bumped else p for t, p in enumerate(still)]
    )  # fmt: skip
    given = {
        "masks": write_masks(tmp_path / "m", [moved_mask(m, move) if t in bumped else m for t, m in enumerate(masks)]),
        "keypoints": write_openpose(
            tmp_path / "k", [[moved_points(p, move) if t in bumped else p] for t, p in enumerate(points)]
        ),
    }
    source = Source.of(video=video, focal_px=450.0, **given)
    capture = source.observe()
    assert capture.frame_indices.tolist() == list(range(12)) and capture.steadying is not None
    assert any(
        w.startswith("The camera was bumped: 5 used frames, the first of them frame 7") for w in capture.warnings
    )
    assert np.abs(capture.keypoints[..., :2] - np.stack(points)[..., :2]).max() < 0.5
    truth = np.stack(masks)
    assert (capture.masks & truth).sum() / (capture.masks | truth).sum() > 0.98
    inner = (slice(20, -20), slice(20, -20))
    for t, picture in source.pictures(capture):
        empty = ~(truth[t] | truth[0])[inner]
        assert np.abs(picture.astype(int) - still[0])[inner][empty].mean() < 6, t


@pytest.mark.parametrize("grey", [0, 120])
def test_a_plain_clip_is_refused(grey: int, tmp_path: Path, detector: None) -> None:
    clip = write_video(tmp_path / "plain.mp4", [np.full((HEIGHT, WIDTH, 3), grey, np.uint8)] * 12)
    with pytest.raises(NoPersonError, match=r"plain.mp4 are black or plain, or the lens is covered: give a video"):
        observe(clip, camera=CAMERA)


def test_a_still_picture_is_refused(masks: Path, keypoints: Path, tmp_path: Path) -> None:
    still = write_video(tmp_path / "still.mp4", [frame(0.0)] * len(SHIFTS))
    with pytest.raises(NoPersonError, match="are all alike: give a video of a person who turns around"):
        observe(still, camera=CAMERA, keypoints=keypoints, masks=masks)


def test_swaps_are_found_with_the_frames_between(clip: Path, masks: Path, tmp_path: Path) -> None:
    people = [[person(s)[1]] for s in SHIFTS]
    for t in (1, 5, 10):
        people[t] = [people[t][0][list(BODY_25_MIRROR)]]
    folder = write_openpose(tmp_path / "swapped", people)
    capture = observe(clip, camera=CAMERA, keypoints=folder, masks=masks, frames=4)
    assert capture.frame_indices.tolist() == [1, 4, 7, 10] and capture.sources["frames_swapped"] == 2
    assert np.allclose(capture.keypoints, [person(SHIFTS[t])[1] for t in capture.frame_indices], atol=1e-3)
    small, warning = capture.warnings
    assert small.startswith("The person is only 10") and "a pixel is about 1" in small
    assert warning.startswith("The keypoints' left and right were exchanged in 2 of 4 selected frames")


@pytest.fixture
def cut_masks(tmp_path: Path) -> Path:
    """Masks that go on to the bottom of the picture, as if feet were below it."""
    cut = [m | (person(s)[0].any(0) & (np.arange(HEIGHT) > 100)[:, None]) for s in SHIFTS for m in [person(s)[0]]]
    return write_masks(tmp_path / "cut", cut)


def test_who_is_always_cut_off_is_observed_where_they_are_seen(clip: Path, cut_masks: Path, tmp_path: Path) -> None:
    without_feet = [[np.r_[person(s)[1][:19], np.zeros((6, 3), np.float32)]] for s in SHIFTS]
    keypoints = write_openpose(tmp_path / "without_feet", without_feet)
    capture = observe(clip, camera=CAMERA, keypoints=keypoints, masks=cut_masks)
    assert capture.cut_off == tuple(CutOff(t, ("bottom",)) for t in range(12)) and capture.left_out == ()
    assert (capture.frame_weights == 1.0).all()
    assert capture.warnings == (), "who is cut off is not said to be small"


def test_who_is_seen_less_than_to_the_elbows_is_refused(clip: Path, cut_masks: Path, tmp_path: Path) -> None:
    heads = np.isin(np.arange(25), [0, 1, 2, 5, 15, 16, 17, 18])[:, None]
    keypoints = write_openpose(tmp_path / "heads", [[person(s)[1] * heads] for s in SHIFTS])
    message = r"the masks in .*cut touch the border of the picture at the bottom in 12 of 12 frames \(0 to 11\)"
    with pytest.raises(NoPersonError, match=message):
        observe(clip, camera=CAMERA, keypoints=keypoints, masks=cut_masks)


def test_wrong_camera_and_frames(clip: Path) -> None:
    with pytest.raises(BadInputError, match=r"^the camera is for 96 × 100 pixels"):
        observe(clip, camera=replace(CAMERA, height=100))
    with pytest.raises(BadInputError, match="--frames 1 is too few"):
        observe(clip, camera=CAMERA, frames=1)


def test_masks_of_some_frames_choose_the_frames(clip: Path, masks: Path, keypoints: Path) -> None:
    for path in sorted(masks.iterdir()):
        if int(path.stem.split("_")[-1]) % 3:
            path.unlink()
    capture = observe(clip, camera=CAMERA, keypoints=keypoints, masks=masks)
    assert capture.frame_indices.tolist() == [0, 3, 6, 9] and capture.left_out == ()
    assert "for 4 of 12 frames; only those are used" in capture.warnings[0]


def test_keypoints_of_nobody_are_named(clip: Path, masks: Path, tmp_path: Path) -> None:
    keypoints = write_openpose(tmp_path / "hands", [[] for _ in SHIFTS])
    with pytest.raises(NoPersonError, match=r"the keypoints in .*hands show nobody"):
        observe(clip, camera=CAMERA, keypoints=keypoints, masks=masks)
