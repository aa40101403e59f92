"""The truth of a clip goes into the errors of regions: joints, noses, and what is skin."""

import numpy as np
import pytest
import torch

from fit_avatar.body import BodyState, load_body
from lib.measure import compare_surfaces, region_errors
from lib.synthetic_person import write_person
from lib.true_clip import read_clip

pytest.importorskip("open3d", exc_type=(ImportError, OSError))


@pytest.fixture(scope="module")
def hatted(tmp_path_factory):
    return read_clip(write_person(tmp_path_factory.mktemp("clips") / "hat", 0, frames=4, size=64, wear="hat"))


def test_faces_are_skin_where_the_clip_says_what_is_skin(hatted):
    body = load_body(10)
    turn = torch.tensor([np.pi, 0.0, 0.0]).repeat(4, 1)
    place = torch.from_numpy(hatted.joints[:, 0]).float()
    state = BodyState(torch.zeros(10), torch.zeros_like(body.template), turn, torch.zeros(4, 23, 3), place)
    surfaces = compare_surfaces(body, state, np.arange(4), hatted)
    face, whole = surfaces.faces[0], surfaces.true[0]
    nose = hatted.keypoints[0, 0]
    crown = whole.vertices[np.unique(whole.faces)] @ hatted.up
    assert crown.max() > (face.vertices[np.unique(face.faces)] @ hatted.up).max() + 0.05
    assert np.linalg.norm(face.vertices[face.faces].mean(1) - nose, axis=1).min() < 0.01
    errors = region_errors(surfaces, hatted)
    assert set(errors) >= {"head", "face", "face alone", "hands", "hands worst", "feet", "rest", "head deg worst"}
    assert errors["face alone"] < errors["face"]
