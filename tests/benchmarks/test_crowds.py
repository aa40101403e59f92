"""Clips of two people out of clips of one, and who is observed in them."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from fit_avatar.capture import load_keypoints, read_frames
from lib import crowds
from lib.crowd_scores import nearest_person
from lib.crowds import SCENES, Part, write_crowd
from tests.capture.cardboard import frame, person, write_video

SIZE = 160, 128
COUNT = 6


def write_clip(folder: Path, shade: int) -> None:
    """Write a clip of a cardboard person who stands in the middle of the picture."""
    (folder / "masks").mkdir(parents=True)
    (folder / "keypoints").mkdir()
    mask, points = person(0.0, *SIZE)
    write_video(folder / "video.mp4", [frame(0.0, *SIZE) // 2 + np.uint8(shade)] * COUNT)
    for t in range(COUNT):
        cv2.imwrite(str(folder / "masks" / f"{t:06d}.png"), mask.astype(np.uint8) * 255)
        people = [{"pose_keypoints_2d": points.ravel().tolist()}]
        (folder / "keypoints" / f"{t:06d}_keypoints.json").write_text(json.dumps({"people": people}))
    camera = {"fx": 200.0, "fy": 200.0, "cx": 80.0, "cy": 64.0, "width": 160, "height": 128}
    (folder / "camera.json").write_text(json.dumps(camera))
    depth = np.full((25, 1), 4.0)
    joints = np.concatenate([(points[:, :2] - (80, 64)) / 200 * 4, depth], 1)
    times = np.arange(COUNT)[:, None, None]
    np.savez(
        folder / "gt.npz", verts_q=np.zeros((2, 3, 3), np.int16), verts_c=np.zeros((2, 3), np.int32), verts_scale=0.001,
        faces=np.array([[0, 1, 2]]), frame_index=np.array([0, 3]), joints_body25=np.repeat(joints[None], COUNT, 0),
        joints_smpl24=np.ones((COUNT, 24, 3)) * times, height_naked_m=1.7, height_clothed_m=1.7,
        world_up_in_camera=np.array([0.0, -1.0, 0.0]),
    )  # fmt: skip


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A scene in which the farther person, whose clip runs backwards, passes behind the nearer one."""
    write_clip(tmp_path / "a", 0)
    write_clip(tmp_path / "b", 100)
    parts = Part("a", lambda time: (0.0, 0.0, 1.0)), Part("b", lambda time: (0.4 * time, 0.0, 1.0), backwards=True)
    monkeypatch.setitem(crowds.SCENES, "passing", parts)
    return write_crowd(tmp_path / "scene", "passing", tmp_path, COUNT)


def test_the_nearer_person_hides_the_other(scene: Path) -> None:
    whole, _ = person(0.0, *SIZE)
    for t in range(COUNT):
        near, far = (cv2.imread(str(scene / f"person_{k}" / "masks" / f"{t:06d}.png"), 0) > 127 for k in (1, 2))
        assert (near == whole).all() and not (near & far).any()
    assert not cv2.imread(str(scene / "person_2" / "masks" / "000000.png"), 0).any()
    assert np.count_nonzero(far) > 0.9 * np.count_nonzero(whole)
    pictures = dict(read_frames(scene / "video.mp4"))
    assert len(pictures) == COUNT
    lighter = pictures[5][far].mean() - pictures[5][near].mean()
    assert lighter > 60


def test_hidden_people_have_no_keypoints(scene: Path) -> None:
    people = load_keypoints(scene / "keypoints", COUNT, SIZE)
    assert [len(people[t]) for t in (0, 5)] == [1, 2]
    assert sorted(float(p[8, 0]) for p in people[5]) == pytest.approx([80, 144], abs=0.1)


def test_truths_follow_the_clips(scene: Path) -> None:
    with np.load(scene / "person_2" / "gt.npz") as truth:
        assert truth["joints_smpl24"][:, 0, 0].tolist() == [5, 4, 3, 2, 1, 0]
        assert truth["frame_index"].tolist() == [5, 2]
    true = {k: np.load(scene / f"person_{k}" / "points.npz")["points"] for k in (1, 2)}
    shown = person(60.0, *SIZE)[1]
    assert nearest_person(shown, true, 5) == 2 and nearest_person(shown, true, 0) in (1, 2)
    assert nearest_person(person(5.0, *SIZE)[1], true, 5) == 1


def test_who_leaves_comes_back_from_the_other_side() -> None:
    place = SCENES["leaves and returns"][1].place
    right = [place(time)[0] for time in np.linspace(0, 1, 101)]
    assert right[0] == right[-1] and max(right) > 0.7 and min(right) < -0.7
    assert abs(right[50]) > 0.7
