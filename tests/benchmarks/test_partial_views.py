"""Views that show a person in part, made from a clip with known truth."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from fit_avatar.capture import read_frames
from lib.partial_views import VIEWS, write_view
from lib.true_clip import read_clip
from tests.capture.cardboard import frame, person, write_video

SIZE = 160, 128
COUNT = 6

JOINTS = [0 if k in (20, 23) else k for k in range(24)]
"""Those of the 25 points that are taken for joints; cardboard has no small toes."""


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
def original(tmp_path: Path) -> Path:
    """A clip of a cardboard person, whose 24 joints are among their 25 points."""
    folder = tmp_path / "clip"
    write_clip(folder, 0)
    with np.load(folder / "gt.npz") as stored:
        truth = dict(stored)
    truth["joints_smpl24"] = truth["joints_body25"][:, JOINTS]
    np.savez(folder / "gt.npz", **truth)
    return folder


def mask(folder: Path, t: int) -> np.ndarray:
    return cv2.imread(str(folder / "masks" / f"{t:06d}.png"), cv2.IMREAD_GRAYSCALE) > 127


def given(folder: Path, t: int) -> np.ndarray:
    people = json.loads((folder / "keypoints" / f"{t:06d}_keypoints.json").read_text())["people"]
    return np.array(people[0]["pose_keypoints_2d"]).reshape(25, 3) if people else np.zeros((25, 3))


def test_the_upper_half_is_a_crop(original: Path, tmp_path: Path) -> None:
    folder = write_view(tmp_path / "half", "half", original)
    whole, clip = read_clip(original), read_clip(folder)
    rows = round(0.55 * SIZE[1])
    assert (clip.camera.height, clip.camera.cy) == (rows, whole.camera.cy) and np.allclose(clip.joints, whole.joints)
    assert (mask(folder, 0) == mask(original, 0)[:rows]).all()
    assert dict(read_frames(folder / "video.mp4"))[0].shape == (rows, SIZE[0], 3)
    depth = whole.camera.project(whole.joints)[..., 1] - rows
    clear = np.abs(depth) > 0.1  # others are on the border itself
    assert (depth[clear] > 0).any() and (np.load(folder / "view.npz")["seen"] == (depth < 0))[clear].all()
    assert ((given(folder, 0)[JOINTS, 2] > 0) == (depth[0] < 0))[clear[0]].all()


@pytest.mark.parametrize("view", ["feet", "leaves"])
def test_truth_and_pictures_are_moved_alike(view: str, original: Path, tmp_path: Path) -> None:
    folder = write_view(tmp_path / view, view, original)
    clip, seen = read_clip(folder), np.load(folder / "view.npz")["seen"]
    pixels = clip.camera.project(clip.keypoints)
    for t in range(COUNT):
        inside = seen[t] & (given(folder, t)[JOINTS, 2] > 0)
        assert np.allclose(given(folder, t)[JOINTS][inside, :2], pixels[t, JOINTS][inside], atol=0.1)
        u, v = np.floor(pixels[t, JOINTS][seen[t]]).astype(int).T
        assert mask(folder, t)[v, u].mean() > 0.8 if seen[t].any() else True
    lengths = np.linalg.norm(clip.joints, axis=-1)
    assert np.allclose(lengths, lengths[:1], atol=1e-3), "they are turned about the camera's centre"
    assert seen[0].all() and not seen[COUNT // 2].all() and seen[-1].all()


def test_a_bar_hides_picture_mask_and_points(original: Path, tmp_path: Path) -> None:
    folder = write_view(tmp_path / "bar", "bar", original)
    seen = np.load(folder / "view.npz")["seen"]
    gone = mask(original, 0) & ~mask(folder, 0)
    assert gone.any(1).sum() > 10 and not seen.all() and seen[:, 0].all()
    assert dict(read_frames(folder / "video.mp4"))[0][gone].max() < 60
    assert set(VIEWS) == {"half", "feet", "leaves", "bar"}
