"""People with folds: the finer mesh is the same body, and normals are compared as they should."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from toy_body import toy_body, turning_state

from fit_avatar.body import pose_body
from fit_avatar.capture import Camera
from fit_avatar.evaluate import Mesh
from lib.fold_scores import score_folds
from lib.folds import loop_subdivision, waves
from lib.true_clip import TrueClip

BODY = toy_body()
STATE = replace(turning_state(BODY, 2, bend=0.0), offsets=torch.zeros_like(BODY.template))
CAMERA = Camera(300.0, 300.0, 100.0, 100.0, 200, 200)


def test_a_finer_mesh_is_closed_and_round() -> None:
    faces = BODY.faces.numpy()
    matrix, finer = loop_subdivision(faces, len(BODY.template))
    assert len(finer) == 4 * len(faces)
    np.testing.assert_allclose(matrix.sum(axis=1), 1, atol=1e-6)
    sides = np.sort(finer[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    assert (np.unique(sides, axis=0, return_counts=True)[1] == 2).all()
    ball = torch.nn.functional.normalize(BODY.template[BODY.skin], dim=-1).numpy()
    rounded = (matrix[:, : len(ball)] @ ball)[np.asarray(matrix[:, len(ball) :].sum(axis=1)).ravel() == 0]
    assert np.linalg.norm(rounded, axis=1).min() > 0.9 and np.linalg.norm(rounded, axis=1).max() < 1.001


def test_folds_are_some_millimetres_high_and_the_same_for_one_seed() -> None:
    places = torch.rand(5000, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([0.5, 1.7, 0.3])
    heights, again = (waves(np.random.default_rng(4), places) for _ in range(2))
    assert torch.equal(heights, again)
    assert 0.0005 < heights.std() < 0.004 and heights.abs().max() < 0.015


def test_a_surface_without_folds_needs_no_displacement() -> None:
    capture = SimpleNamespace(camera=CAMERA, frame_indices=np.arange(2))
    mesh = Mesh(pose_body(BODY, STATE).vertices[0].double().numpy(), BODY.faces.numpy())
    nothing = np.zeros(3)
    truth = TrueClip(Path(), CAMERA, 1.7, nothing, {0: mesh}, np.zeros((2, 24, 3)), np.zeros((2, 25, 3)), 30.0)
    rows = np.indices((64, 64))[1]
    flat, wavy = np.zeros((64, 64), np.float32), (0.01 * np.sin(rows) + 0.1).astype(np.float32)
    scores = score_folds(BODY, STATE, capture, truth, {"flat": flat, "wavy": wavy})
    assert scores["flat"].degrees == pytest.approx(0, abs=0.1) and scores["wavy"].degrees > 3
    assert scores["flat"].correlation is None
    folds = np.ones(len(BODY.template), np.float32)
    assert score_folds(BODY, STATE, capture, truth, {"flat": flat}, folds)["flat"].degrees == pytest.approx(0, abs=0.1)
    none = score_folds(BODY, STATE, capture, truth, {"wavy": wavy}, folds + np.arange(len(folds)))
    assert none["wavy"].correlation is not None
