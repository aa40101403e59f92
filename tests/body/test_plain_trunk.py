"""The default body's trunk is plain, and what is filled follows from the skin around it alone."""

import numpy as np
import pytest

from fit_avatar.body import Body
from fit_avatar.body.default_body import read_default
from fit_avatar.body.mesh import vertex_normals
from fit_avatar.body.plain_trunk import MARKS, without_marks


@pytest.fixture(scope="module")
def body() -> Body:
    return read_default(num_betas=2)


@pytest.fixture(scope="module")
def mesh(body: Body) -> np.ndarray:
    """Mean and directions of the vertices. [3, V, 3]"""
    directions = body.shape_basis.double().numpy().transpose(2, 0, 1)
    return np.concatenate([body.template.double().numpy()[None], directions])


def beside(mesh: np.ndarray) -> np.ndarray:
    """Return the vertices that no mark takes. [V]"""
    return np.all([np.linalg.norm(mesh[0] - middle, axis=1) >= radius for middle, radius in MARKS], axis=0)


def test_the_body_that_comes_with_the_package_has_no_marks(body, mesh):
    faces = body.faces.numpy()
    moved = without_marks(mesh.copy(), faces)[0] - mesh[0]
    out_of_the_skin = (moved * vertex_normals(mesh[0], faces)).sum(1)
    assert np.abs(out_of_the_skin).max() < 0.0015


def test_skin_around_the_marks_stays(body, mesh):
    stays = beside(mesh)
    assert 50 < (~stays).sum() < 400
    assert np.array_equal(without_marks(mesh.copy(), body.faces.numpy())[:, stays], mesh[:, stays])


@pytest.mark.parametrize("middle", [middle for middle, _ in MARKS])
def test_a_bump_is_taken_away_from_mean_and_directions(body, mesh, middle):
    bump = 0.01 * np.exp(-((np.linalg.norm(mesh[0] - middle, axis=1) / 0.006) ** 2))
    bump[beside(mesh)] = 0
    assert bump.max() > 0.002
    marked = mesh.copy()
    marked[1:, :, 2] += bump
    plain = without_marks(marked, body.faces.numpy())
    np.testing.assert_allclose(plain, without_marks(mesh.copy(), body.faces.numpy()), rtol=0, atol=1e-9)
