"""Measure where the built-in detector sees keypoints on rendered people: ``fit_avatar/body/keypoint_offsets.py``.

    python benchmarks/people.py PEOPLE --people 8 --first 40 --frames 48 --size 720 --steps
    python benchmarks/people.py PEOPLE --people 1 --first 48 --frames 48 --size 720 --steps --wear skirt dress coat \
        boots
    python tools/build_keypoint_offsets.py PEOPLE

Pose and shape of these people are known. An offset that all frames share, in the axes that the keypoint's joint would
have in a T-pose, is a small robust least squares over the frames of a turn, with left and right mirrored onto each
other. The table is the mean over people; beside it are printed how far people stray from it, and how far each one's
offsets are from the mean of the others, which is what the table is worth for somebody new: what is not much nearer
than zero is left out.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import torch
import tyro
from numpy.typing import NDArray

from fit_avatar.body.keypoint_sets import BODY_25, BODY_25_MIRROR
from fit_avatar.body.skinning import local_rotations, pose_points, pose_skeleton
from fit_avatar.capture import observe

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
from lib.synthetic_person import recorded_motion
from lib.true_clip import read_clip

FloatArray = NDArray[np.float64]

LEAST_CONFIDENCE, LEAST_FRAMES = 0.3, 10
"""Which detected keypoints count, and in how many frames there must be one."""
SCALE_M = 0.03
"""Geman–McClure scale of what is left."""
ROUNDS = 20
"""Of re-weighting."""


def offset(turns: FloatArray, places: FloatArray, seen: FloatArray, focal: float) -> FloatArray:
    """Return the offset of one keypoint that explains best where it is seen, in metres. [3]

    Args:
        turns: from the T-pose's axes to the camera's. [T, 3, 3]
        places: where the body has the keypoint, in camera coordinates. [T, 3] metres
        seen: how far from there it is detected, and the confidence. [T, 3] pixels
        focal: length, in pixels.
    """
    depth = places[:, 2]
    slopes = turns[:, :2] - (places[:, :2] / depth[:, None])[..., None] * turns[:, 2:]
    wanted = seen[:, :2] * (depth / focal)[:, None]
    weight, found = seen[:, 2], np.zeros(3)
    for _ in range(ROUNDS):
        root = np.sqrt(weight)[:, None]
        found = np.linalg.lstsq((slopes * root[..., None]).reshape(-1, 3), (wanted * root).ravel(), rcond=None)[0]
        left = ((wanted - slopes @ found) ** 2).sum(-1)
        weight = seen[:, 2] * (SCALE_M**2 / (SCALE_M**2 + left)) ** 2
    return found


def offsets_of(folder: Path) -> FloatArray:
    """Return the offsets of all keypoints of one person, both sides alike; NaN where they are not seen. [25, 3]"""
    truth = read_clip(folder)
    body, _, state = recorded_motion(json.loads((folder / "recipe.json").read_text())["recipe"])
    capture = observe(folder / "video.mp4", camera=truth.camera, frames=10**6)
    skeleton = pose_skeleton(body, state.betas, local_rotations(state), state.transl)
    points, frames = body.keypoint_points, capture.frame_indices
    turns = torch.einsum("kj,tjab,jbc->tkac", points.weights, skeleton.skin_rotations, body.bind_rotations)
    turned = turns.double().numpy()[frames]
    places = pose_points(body, state, points).double().numpy()[frames]
    strayed = capture.keypoints.astype(np.float64)
    strayed[..., :2] -= truth.camera.project(places)
    found = np.full((len(BODY_25), 3), np.nan)
    for k in range(len(BODY_25)):
        sure = strayed[:, k, 2] > LEAST_CONFIDENCE
        if sure.sum() >= LEAST_FRAMES:
            found[k] = offset(turned[sure, k], places[sure, k], strayed[sure, k], truth.camera.fx)
    mirrored = found[list(BODY_25_MIRROR)] * [-1, 1, 1]
    return np.asarray((found + mirrored) / 2)


def main(people: tyro.conf.Positional[Path]) -> None:
    """Print the table.

    Args:
        people: the folder with their clips.
    """
    notes = sorted(people.glob("*/recipe.json"))
    if len(notes) < 2:
        sys.exit(f"{people} holds {len(notes)} clips of benchmarks/people.py: two or more are needed")
    each = np.stack([offsets_of(note.parent) for note in notes])
    print(f"{len(each)} people; metres across, up, forward; mm: spread; distance from zero → from the others' mean")
    for k, name in enumerate(BODY_25):
        if name.startswith("right") or np.isnan(each[:, k]).any():
            continue
        mean = each[:, k].mean(0)
        spread = each[:, k].std(0, ddof=1)
        new = np.linalg.norm(each[:, k] - mean, axis=-1).mean() * len(each) / (len(each) - 1)
        zero = np.linalg.norm(each[:, k], axis=-1).mean()
        numbers = ", ".join(f"{value:.3f}" for value in mean + 0.0)
        print(f'    "{name}": ({numbers}),  # ± {" ".join(f"{1000 * s:.0f}" for s in spread)};', end=" ")
        print(f"{1000 * zero:.0f} → {1000 * new:.0f}")


if __name__ == "__main__":
    tyro.cli(main)
