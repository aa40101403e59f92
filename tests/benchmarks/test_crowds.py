"""Clips of several synthetic people before one camera, and who is observed in them."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from fit_avatar.body import load_body, pose_body
from fit_avatar.capture import load_keypoints, read_frames
from fit_avatar.fitting import FitState
from lib import crowds
from lib.crowd_scores import nearest_person, numbers_in, penetration, true_points
from lib.crowds import SCENES, Part, Scene, needs_recordings, write_crowd
from lib.true_clip import read_clip

COUNT, SIZE = 4, 96


def passing(time: float) -> tuple[float, float]:
    """Come out from behind somebody in the middle of the room."""
    return 1.2 * time, -0.8


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scene in which the farther person comes out from behind the nearer one."""
    parts = (Part("shake", lambda time: (0.0, 0.3), 8), Part("shake", passing, 5, 90.0))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(crowds.SCENES, "passing", Scene(parts))
        return write_crowd(tmp_path_factory.mktemp("crowd") / "scene", "passing", COUNT, SIZE)


def masks(scene: Path, t: int) -> list[np.ndarray]:
    pictures = [cv2.imread(str(scene / f"person_{k}" / "masks" / f"{t:06d}.png"), 0) for k in (1, 2)]
    return [np.asarray(picture) > 127 for picture in pictures]


def test_the_nearer_person_hides_the_other(scene: Path) -> None:
    areas = [[np.count_nonzero(mask) for mask in masks(scene, t)] for t in range(COUNT)]
    assert all(not (a & b).any() for a, b in (masks(scene, t) for t in range(COUNT)))
    assert areas[0][1] < 0.5 * areas[-1][1] and areas[0][0] > areas[0][1]
    assert len(dict(read_frames(scene / "video.mp4"))) == COUNT


def test_what_others_hide_has_no_keypoints(scene: Path) -> None:
    width = read_clip(scene / "person_1").camera.width
    people = load_keypoints(scene / "keypoints", COUNT, (width, SIZE))
    true, seen = true_points(scene), []
    for t in (0, COUNT - 1):
        here = {nearest_person(points, true, t): points for points in people[t]}
        assert (here[1][:25, 2] > 0).all()
        seen.append(0 if 2 not in here else np.count_nonzero(here[2][:25, 2]))
    assert seen[0] < 15 and seen[1] == 25


def test_truths_are_of_one_camera_and_one_floor(scene: Path) -> None:
    clips = [read_clip(scene / f"person_{k}") for k in numbers_in(scene)]
    assert numbers_in(scene) == (1, 2)
    pelvis = [clip.joints[:, 0] for clip in clips]
    assert np.allclose(pelvis[0][0, 2] - pelvis[1][0, 2], -1.1, atol=0.15)  # the camera looks down a little
    assert np.isclose(pelvis[1][-1, 0] - pelvis[1][0, 0], 1.2, atol=0.1)
    lowest = [float((clip.joints[0] @ clip.up).min()) for clip in clips]
    assert abs(lowest[0] - lowest[1]) < 0.05
    for clip, points in zip(clips, true_points(scene).values(), strict=True):
        assert np.allclose(clip.camera.project(clip.keypoints), points, atol=0.01)


def test_a_scene_is_made_once(scene: Path) -> None:
    recipe = json.loads((scene / "recipe.json").read_text())
    assert recipe["frames"] == COUNT and recipe["size"] == SIZE


def test_who_leaves_comes_back_from_the_other_side() -> None:
    place = SCENES["leaves and returns"].parts[1].place
    right = [place(time)[0] for time in np.linspace(0, 1, 101)]
    assert max(right) > 3 and min(right) < -3 and right[0] > 0 > right[-1]
    assert len(SCENES["three"].parts) == 3
    assert needs_recordings("crossing") and not needs_recordings("shaking hands")


def test_penetration_is_that_of_the_surfaces() -> None:
    body = load_body()
    with torch.no_grad():
        surface = pose_body(body, FitState.upright(body, 1).body_state(body)).vertices[0].double().numpy()
    faces = body.faces.numpy()
    assert penetration(surface, surface + [5.0, 0, 0], faces) == 0
    assert penetration(surface, surface + [0.0, 0, 0.5], faces) == 0
    deep = [penetration(surface, surface + [0.0, 0, away], faces) for away in (0.12, 0.18)]
    assert deep[0] > deep[1] > 0.005
