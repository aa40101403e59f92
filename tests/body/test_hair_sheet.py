"""Long hair is a closed sheet that moves as the skin below it."""

import numpy as np
import pytest
import torch

from fit_avatar.body import load_body
from fit_avatar.body.below_hair import below_hair, below_long_hair, carried_on
from fit_avatar.body.hair_sheet import rim_of, sheet_of
from fit_avatar.body.hanging_hair import STRIP, HangingHair, is_hair, with_hair
from fit_avatar.body.mesh import neighbours, vertex_normals
from fit_avatar.body.model import Body
from fit_avatar.body.skinning import shaped

THICK_M, INSIDE_M = 0.02, 0.005


@pytest.fixture(scope="module")
def body() -> Body:
    """The default body."""
    return load_body(3)


@pytest.fixture(scope="module")
def over(body: Body) -> np.ndarray:
    return below_long_hair(body, body.template.double().numpy()) & (body.template[:, 2] < 0).numpy()


@pytest.fixture(scope="module")
def sheet(body: Body, over: np.ndarray) -> HangingHair:
    skin = body.template.double().numpy()
    normals = vertex_normals(skin, body.faces.numpy())
    found = sheet_of(body, over, skin + THICK_M * normals, skin - INSIDE_M * normals, (0.0, 0.0, 0.0))
    assert found is not None
    return found


def test_it_is_closed_and_faces_outwards(body, over, sheet):
    mesh = neighbours(sheet.faces)
    assert len(mesh.edges) == len(mesh.inner)  # every edge is between two triangles that run around alike
    a, b, c = sheet.vertices[sheet.faces].double().unbind(1)
    volume = float((torch.linalg.cross(a, b) * c).sum() / 6)
    upper = sheet.faces[: (len(sheet.faces) - 2 * len(rim_edges(sheet))) // 2]
    a, b, c = sheet.vertices[upper].double().unbind(1)
    area = float(torch.linalg.cross(b - a, c - a).norm(dim=1).sum() / 2)
    assert volume == pytest.approx(area * (THICK_M + INSIDE_M), rel=0.2)


def rim_edges(sheet: HangingHair) -> np.ndarray:
    """Return the edges between the outside and the edge of the sheet."""
    half = len(sheet.vertices) // 2
    outside = (sheet.faces < half).all(1)
    faces = sheet.faces[outside].numpy()
    edges = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), 1)
    every, count = np.unique(edges, axis=0, return_counts=True)
    return every[count == 1]


def test_each_triangle_has_its_own_place_in_the_strip(body, sheet):
    worn = with_hair(body, sheet)
    of_hair = is_hair(worn)[worn.faces.numpy()].all(1)
    corners = worn.uvs[worn.uv_faces].double().numpy()
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
    assert area[of_hair].min() > 0
    assert corners[of_hair, :, 0].min() > 1 - STRIP
    centres = (corners[of_hair].mean(1) * 4096).astype(int)
    assert len(np.unique(centres, axis=0)) > 0.99 * len(centres)


def test_it_moves_as_the_skin_below(body, over, sheet):
    half = len(sheet.vertices) // 2
    torch.testing.assert_close(sheet.weights[:half], sheet.weights[half:])
    torch.testing.assert_close(sheet.weights.sum(1), torch.ones(len(sheet.weights)))
    skin = body.template.double().numpy()
    nearest = np.linalg.norm(skin[None, over] - sheet.vertices[:8, None].double().numpy(), axis=2).argmin(1)
    below = body.lbs_weights[torch.from_numpy(np.flatnonzero(over)[nearest])]
    assert (below - sheet.weights[:8]).abs().max() < 0.5


def test_the_rim_is_the_edge_of_the_largest_piece(body, over):
    rim = rim_of(body, over)
    assert 40 < rim.sum() < 0.5 * over.sum()
    far = body.template[:, 1] < -0.5  # a second, smaller piece
    feet = over | (far & (body.template[:, 2] < -0.02)).numpy() & (np.arange(len(over)) % 2 == 0)
    np.testing.assert_array_equal(rim_of(body, feet), rim)


def test_of_hardly_any_vertices_nothing_is_made(body):
    few = np.zeros(len(body.template), bool)
    few[:3] = True
    surface = body.template.double().numpy()
    assert sheet_of(body, few, surface, surface, (0.0,)) is None


def test_long_hair_hides_the_neck_all_around_and_not_the_face(body):
    shape = shaped(body, torch.zeros(3)).double().numpy()
    hidden = below_long_hair(body, shape)
    neck, head = (float(body.joint_template[body.joint_names.index(name), 1]) for name in ("neck", "head"))
    low, high = neck + 0.3 * (head - neck), neck + 0.6 * (head - neck)  # below the chin
    of_neck = (shape[:, 1] > low) & (shape[:, 1] < high) & (np.hypot(shape[:, 0], shape[:, 2]) < 0.1)
    of_neck &= body.skin.numpy() & (body.part("face") < 0.5).numpy()
    assert hidden[of_neck].mean() > 0.75  # the rest lies on the slopes of the shoulders
    assert not hidden[body.part("face").numpy() > 0.5].any()
    assert not hidden[shape[:, 1] < 0].any()


def test_what_is_carried_on_is_smooth_and_leaves_the_rest(body):
    shape = body.template.double().numpy()
    offsets = 0.01 * shape  # linear in place: between its surroundings it changes evenly
    below = below_hair(body, shape, np.array([[0.0, y, -0.1] for y in np.arange(0.4, 0.7, 0.02)]))
    assert 100 < below.sum() < 0.2 * len(below)
    moved = carried_on(body, np.where(below[:, None], 5.0, offsets), below)
    np.testing.assert_array_equal(moved[~below], offsets[~below])
    assert np.abs(moved - offsets).max() < 0.005
    np.testing.assert_array_equal(carried_on(body, offsets, np.zeros_like(below)), offsets)
