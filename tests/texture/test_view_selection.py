"""Few frames are selected, each where its view is best, with seams where they show the same."""

from itertools import product

import numpy as np
import pytest
import torch
from toy_body import toy_body

from fit_avatar.appearance.atlas import Atlas
from fit_avatar.body.operators import adjacency, dilated
from fit_avatar.texture.alpha_expansion import alpha_expansion
from fit_avatar.texture.view_selection import select_key_frames, select_views

BODY = toy_body()
ATLAS = Atlas.of(BODY, 128)
NEIGHBOURS = adjacency(ATLAS.arrays.faces, len(BODY.template))


ONE = np.ones(len(BODY.template), np.float32)


def test_few_key_frames_are_chosen() -> None:
    quality, area = torch.rand(30, len(ONE), generator=torch.Generator().manual_seed(0)) * 0.01, torch.from_numpy(ONE)
    top = BODY.template[:, 1] > 0
    quality[4, top], quality[9, ~top] = 1, 1
    assert set(select_key_frames(quality, area, None)) == {4, 9}
    assert select_key_frames(quality, area, 7)[0] == 7 and select_key_frames(0 * quality, area, 7) == []


def weights(quality: np.ndarray, face: np.ndarray, portrait: int | None, **changed: np.ndarray) -> np.ndarray:
    arguments = {
        "residual": np.zeros_like(quality),
        "sharpness": np.ones_like(quality),
        "appearance": np.zeros((*quality.shape, 3), np.float32),
        **changed,
    }
    return select_views(quality, neighbours=NEIGHBOURS, face=face, portrait=portrait, **arguments)


def test_each_part_is_painted_from_the_frame_that_sees_it_best() -> None:
    top = BODY.template[:, 1].numpy() > 0
    quality = np.where(np.stack([top, ~top]), 1, 0.3).astype(np.float32)
    weight = weights(quality, 0 * ONE, None)
    np.testing.assert_allclose(weight.sum(1), 1, atol=1e-5)
    deep = ~dilated(~top, NEIGHBOURS, 8)
    np.testing.assert_allclose(weight[deep, 0], 1, atol=1e-5)
    quality[:, top] = 0
    assert (weights(quality, 0 * ONE, None)[top] == 0).all()


def test_blurred_and_disagreeing_frames_are_avoided() -> None:
    even = np.ones((2, len(ONE)), np.float32)
    blurred = np.stack([ONE, 0.2 * ONE])
    assert (weights(even, 0 * ONE, None, sharpness=blurred)[:, 0] == 1).all()
    assert (weights(even, 0 * ONE, None, residual=np.stack([40 * ONE, ONE]))[:, 1] == 1).all()


def test_the_face_takes_its_detail_from_one_frame() -> None:
    quality = np.random.default_rng(0).uniform(0.2, 1, (6, len(ONE))).astype(np.float32)
    face = (BODY.template[:, 1] > 0.3).numpy().astype(np.float32)
    quality[0] *= 0.5
    inner = ~dilated(face == 0, NEIGHBOURS, 4)
    np.testing.assert_allclose(weights(quality, face, 0)[inner, 0], 1, atol=1e-5)


def test_labelling_of_two_labels_is_the_best_of_all() -> None:
    ring = np.array([[0, 1], [1, 2], [2, 3], [3, 4], [4, 5], [5, 0]])

    def energy(labels: tuple[int, ...], cost: np.ndarray, appearance: np.ndarray, change: float) -> float:
        total = sum(float(cost[v, k]) for v, k in enumerate(labels))
        for u, v in ring:
            if labels[u] != labels[v]:
                total += change + sum(float(np.linalg.norm(np.diff(appearance[w][[labels[u], labels[v]]], axis=0)))
                                      for w in (u, v))  # fmt: skip
        return total

    for seed in range(10):
        generator = np.random.default_rng(seed)
        cost, appearance = generator.random((6, 2), np.float32), 0.3 * generator.random((6, 2, 3), np.float32)
        found = energy(tuple(alpha_expansion(cost, ring, appearance, 0.05)), cost, appearance, 0.05)
        best = min(energy(each, cost, appearance, 0.05) for each in product(range(2), repeat=6))
        assert found == pytest.approx(best, abs=2e-3)


def test_vertices_get_only_labels_that_are_possible() -> None:
    ring = np.array([[0, 1], [1, 2], [2, 3], [3, 4], [4, 5], [5, 0]])
    for seed in range(10):
        generator = np.random.default_rng(seed)
        cost, appearance = generator.random((6, 3), np.float32), 0.3 * generator.random((6, 3, 3), np.float32)
        possible = generator.random((6, 3)) < 0.6
        possible[np.arange(6), generator.integers(0, 3, 6)] = True
        high = np.where(possible, cost, 100).astype(np.float32)  # a high cost says the same, but takes longer
        labels = alpha_expansion(high, ring, appearance, 0.05, possible=possible)
        assert possible[np.arange(6), labels].all()
        np.testing.assert_array_equal(labels, alpha_expansion(high, ring, appearance, 0.05))


def test_seams_run_where_the_frames_look_the_same() -> None:
    line = np.stack([np.arange(19), np.arange(1, 20)], 1)
    cost = np.zeros((20, 2), np.float32)
    cost[0, 1] = cost[-1, 0] = 100
    appearance = np.zeros((20, 2, 3), np.float32)
    appearance[:, 1] = 5
    appearance[12:14, 1] = 0
    labels = alpha_expansion(cost, line, appearance, 0.1)
    assert (labels[:13] == 0).all() and (labels[13:] == 1).all()
