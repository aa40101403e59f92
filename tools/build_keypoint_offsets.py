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

What is left of an offset changes with the side that a person shows. A second table holds how, with its spread.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import torch
import tyro
from numpy.typing import NDArray

from fit_avatar.body.keypoint_offsets import MIRRORED_WAVES, WAVES, View
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


def offset(turns: FloatArray, places: FloatArray, seen: FloatArray, focal: float) -> tuple[FloatArray, FloatArray]:
    """Return the offset of one keypoint that explains best where it is seen, and what is left, in metres. [3], [T, 2]

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
    return found, wanted - slopes @ found


def views(view: View, left: FloatArray, confidence: FloatArray) -> FloatArray:
    """Return how the side that is shown moves one keypoint, in metres. [WAVES]

    Args:
        view: of T frames.
        left: how far it is detected from its usual place, to the right and down. [T, 2] metres
        confidence: [T]
    """
    waves = view.waves.double().numpy()
    axes = [axis.double().numpy()[:, :2] for axis in (view.up, view.right)]
    rows = np.concatenate([axes[0][..., None] * waves[:, None], axes[1][..., None] * waves[:, None, 1:]], -1)
    weight, found = confidence, np.zeros(WAVES)
    for _ in range(ROUNDS):
        root = np.sqrt(weight)[:, None]
        found = np.linalg.lstsq((rows * root[..., None]).reshape(-1, WAVES), (left * root).ravel(), rcond=None)[0]
        weight = confidence * (SCALE_M**2 / (SCALE_M**2 + ((left - rows @ found) ** 2).sum(-1))) ** 2
    return found


def offsets_of(folder: Path) -> tuple[FloatArray, FloatArray]:
    """Return offsets and views of all keypoints of one person, both sides alike; NaN where they are not seen.

    [25, 3] and [25, WAVES]
    """
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
    view = View.of(local_rotations(state)[frames, 0], skeleton.joints[frames, 0])
    found, waves = np.full((len(BODY_25), 3), np.nan), np.full((len(BODY_25), WAVES), np.nan)
    for k in range(len(BODY_25)):
        sure = strayed[:, k, 2] > LEAST_CONFIDENCE
        if sure.sum() >= LEAST_FRAMES:
            found[k], left = offset(turned[sure, k], places[sure, k], strayed[sure, k], truth.camera.fx)
            shown = View(view.up[sure], view.right[sure], view.angle[sure])
            waves[k] = views(shown, left, strayed[sure, k, 2])
    other = list(BODY_25_MIRROR)
    return (found + found[other] * [-1, 1, 1]) / 2, (waves + waves[other] * MIRRORED_WAVES) / 2


def main(people: tyro.conf.Positional[Path]) -> None:
    """Print the tables.

    Args:
        people: the folder with their clips.
    """
    notes = sorted(people.glob("*/recipe.json"))
    if len(notes) < 2:
        sys.exit(f"{people} holds {len(notes)} clips of benchmarks/people.py: two or more are needed")
    both = [offsets_of(note.parent) for note in notes]
    each, waves = (np.stack(some) for some in zip(*both, strict=True))
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
    print("by the side that is shown; metres ± their spread")
    for k, name in enumerate(BODY_25):
        if not name.startswith("right") and not np.isnan(waves[:, k]).any():
            mean, spread = waves[:, k].mean(0), waves[:, k].std(0, ddof=1)
            print(f'    "{name}":', ", ".join(f"{m:.4f} ± {s:.4f}" for m, s in zip(mean, spread, strict=True)))


if __name__ == "__main__":
    tyro.cli(main)
