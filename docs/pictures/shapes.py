"""What the shape is made of, and what the avatar of the bundled clip looks like."""

import tempfile
from dataclasses import replace
from pathlib import Path

import cv2
import matplotlib as mpl
import numpy as np
import torch

from fit_avatar import load_body
from fit_avatar.body.mesh import vertex_normals
from fit_avatar.body.skinning import shaped
from fit_avatar.capture import read_frames
from fit_avatar.fitting import ConsensusShape, load_extension
from fit_avatar.report import draw_overlay
from pictures.clip import CAMERA, CONSENSUS, DEMO, FRAMES, HEIGHT_M, OUTLINES, ROOT, TRACKED_AGAIN, avatar, fitted
from pictures.drawing import draw, shrink, upright


def betas() -> np.ndarray:
    """Draw the mean body and the first three directions of its shape at ±2 standard deviations."""
    body = load_body()
    views = []
    for column, value in ((0, 0.0), (0, -2.0), (0, 2.0), (1, -2.0), (1, 2.0), (2, -2.0), (2, 2.0)):
        vector = torch.zeros(body.num_betas)
        vector[column] = value
        canvas = draw(body, upright(shaped(body, vector)))
        title = "mean" if value == 0 else f"beta {column + 1}: {value:+.0f}"
        cv2.putText(canvas, title, (220, 40), cv2.FONT_HERSHEY_SIMPLEX, 1.1, (60, 60, 60), 2, cv2.LINE_AA)
        views.append(canvas[:, 95:605])
    return shrink(np.concatenate(views, 1), 1300)


def offsets() -> np.ndarray:
    """Draw the offsets of the consensus shape along the normal, with less and more smoothness and symmetry."""
    found = fitted()
    usual = ConsensusShape("consensus shape")
    smooth = usual.term("laplacian").weight  # it grows with the fourth power of the distance, which is 12 mm
    choices = (
        ("default", usual),
        ("hardly smooth", usual.with_weights(laplacian=smooth * (4 / 12) ** 4)),
        ("no symmetry", usual.without("symmetry")),
        ("very smooth", usual.with_weights(laplacian=smooth * (80 / 12) ** 4)),
    )
    views = []
    for title, action in choices:
        before = found.states[TRACKED_AGAIN]
        start = replace(before, clip=replace(before.clip, offsets=None))
        state = action.run(start, found.context).clip
        naked = shaped(found.body, state.betas)
        along = (state.offsets * vertex_normals(naked, found.body.faces)).sum(-1)
        colours = torch.from_numpy(mpl.colormaps["coolwarm"]((along / 0.08 + 0.5).clamp(0, 1).numpy())[:, :3])
        canvas = draw(found.body, upright(naked + state.offsets), colours.float())
        cv2.putText(canvas, title, (220, 40), cv2.FONT_HERSHEY_SIMPLEX, 1.1, (60, 60, 60), 2, cv2.LINE_AA)
        views.append(canvas[:, 90:610])
    return shrink(np.concatenate(views, 1), 1200)


def consensus() -> np.ndarray:
    """Draw the fit over a frame before and after the consensus shape."""
    found, views = fitted(), []
    for t in (6, 20):
        for action in (OUTLINES, CONSENSUS):
            vertices = found.posed_body(action).vertices[t]
            drawn = draw_overlay(found.picture(t), vertices, found.body.faces, CAMERA)
            views.append(drawn[50:1030, 280:800])
    return shrink(np.concatenate(views, 1), 1200)


def tutorial_film() -> np.ndarray:
    """Show four frames of the bundled clip, a quarter of a turn apart."""
    frames = [frame[:, 190:890] for _, frame in read_frames(DEMO, [0, 30, 60, 90])]
    return shrink(np.concatenate(frames, 1), 1000)


def texture() -> np.ndarray:
    """Show the baked texture."""
    return shrink(avatar().texture.image[..., ::-1], 700)


def repose() -> np.ndarray:
    """Show what the example 06 draws."""
    example = load_extension(ROOT / "examples" / "06_repose_and_render.py")
    with tempfile.TemporaryDirectory() as folder:
        avatar().save(folder)
        _, strip = example.main(folder, folder)
    return shrink(strip[..., ::-1], 1500)


def custom() -> np.ndarray:
    """Show what the example 08 draws."""
    example = load_extension(ROOT / "examples" / "08_custom_action.py")
    with tempfile.TemporaryDirectory() as folder:
        example.main(DEMO, HEIGHT_M, out=folder, camera=CAMERA, frames=FRAMES)
        return shrink(cv2.imread(str(Path(folder) / "difference.png")), 1500)
