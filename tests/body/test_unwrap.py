"""Texture coordinates for bodies without: made once, whole, and without overlaps."""

import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from toy_body import toy_body

from fit_avatar.body import load, unwrap
from fit_avatar.errors import MissingDependencyError


@pytest.fixture
def bare():
    return replace(toy_body(), uvs=torch.zeros(0, 2), uv_faces=torch.zeros(0, 3, dtype=torch.int64))


def test_every_triangle_has_its_own_place(bare, tmp_path):
    pytest.importorskip("xatlas")
    body = unwrap.with_atlas(bare, tmp_path)
    assert body.uv_faces.shape == body.faces.shape and torch.equal(body.faces, bare.faces)
    assert body.uvs.min() >= 0 and body.uvs.max() <= 1
    owner = {}  # a corner of the atlas belongs to one vertex
    for corner, vertex in zip(body.uv_faces.flatten().tolist(), body.faces.flatten().tolist(), strict=True):
        assert owner.setdefault(corner, vertex) == vertex
    a, b, c = body.uvs[body.uv_faces].double().unbind(1)
    area = ((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]).abs() / 2
    assert (area > 0).float().mean() > 0.99 and 0.3 < area.sum() < 1  # nothing lies on top of anything


def test_made_once(bare, tmp_path, monkeypatch):
    pytest.importorskip("xatlas")
    first = unwrap.with_atlas(bare, tmp_path)
    monkeypatch.setattr(unwrap, "unwrap", lambda *_: pytest.fail("made again"))
    assert torch.equal(unwrap.with_atlas(bare, tmp_path).uvs, first.uvs)
    (kept,) = tmp_path.iterdir()
    kept.write_bytes(kept.read_bytes()[:50])
    monkeypatch.setattr(unwrap, "unwrap", lambda *_: (first.uvs.numpy(), first.uv_faces.numpy()))
    assert torch.equal(unwrap.with_atlas(bare, tmp_path).uvs, first.uvs)


def test_another_mesh_has_another_atlas(bare, tmp_path, monkeypatch):
    calls = []
    empty = np.zeros((0, 2), np.float32), np.zeros((0, 3), np.int64)
    monkeypatch.setattr(unwrap, "unwrap", lambda *_: calls.append(1) or empty)
    unwrap.with_atlas(bare, tmp_path)
    unwrap.with_atlas(replace(bare, template=bare.template + 0.1), tmp_path)
    assert len(calls) == 2


def test_a_file_without_uvs_gets_an_atlas(bare, tmp_path, monkeypatch):
    pytest.importorskip("xatlas")
    monkeypatch.setenv("FIT_AVATAR_CACHE", str(tmp_path))
    monkeypatch.setattr(load, "read_smpl", lambda path, num_betas: bare)
    assert len(load.load_body(path="model.npz").uvs) > len(bare.template)


def test_without_xatlas_it_says_what_to_install(bare, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "xatlas", None)
    with pytest.raises(MissingDependencyError, match=r"pip install xatlas"):
        unwrap.with_atlas(bare, tmp_path)
