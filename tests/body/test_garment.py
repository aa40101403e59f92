"""A body with a skirt is a body: closed, symmetric, skinned, with the texture's own place."""

from dataclasses import fields, replace

import numpy as np
import pytest
import torch

from fit_avatar.body import BodyState, load_body, pose_body, rotation
from fit_avatar.body.garment import (
    Garment,
    cloth,
    dressed,
    is_garment,
    own_vertices,
    undressed,
)
from fit_avatar.body.mesh import neighbours, vertex_normals
from fit_avatar.body.model import Body
from fit_avatar.body.poses import a_pose
from fit_avatar.body.skinning import pose_points
from fit_avatar.body.tube import AROUND, LINED, LIP, THICK_M, follows, outside
from fit_avatar.errors import BadInputError

BETAS = (0.5, -0.6, 0.4)


@pytest.fixture(scope="module")
def body() -> Body:
    """The default body: one with legs."""
    return load_body(3)


@pytest.fixture(scope="module")
def skirted(body: Body) -> Body:
    return dressed(body, Garment(0.9, BETAS))


def walking(body: Body) -> BodyState:
    """Two wide steps, the left leg in front and behind, knees bent."""
    pose = rotation.log(a_pose(body)).expand(2, -1, -1).clone()
    swing = torch.tensor([0.45, -0.45])
    for name, angle in (("left_hip", -swing), ("right_hip", swing), ("left_knee", torch.tensor([0.2, 0.8]))):
        pose[:, body.joint_names.index(name) - 1, 0] += angle
    betas = torch.zeros(body.num_betas)
    betas[: len(BETAS)] = torch.tensor(BETAS)
    return BodyState(betas, torch.zeros_like(body.template), torch.zeros(2, 3), pose, torch.zeros(2, 3))


def test_no_garment_is_the_same_body(body, skirted):
    assert dressed(body, None) is body
    assert dressed(skirted, Garment(1.5, BETAS)) is skirted


def test_the_body_itself_does_not_change(body, skirted):
    naked, worn = (pose_body(b, walking(b)) for b in (body, skirted))
    seen = ~skirted.covered[: len(body.template)]
    assert torch.equal(worn.vertices[:, : len(body.template)][:, seen], naked.vertices[:, seen])
    assert torch.equal(worn.joints, naked.joints)
    points = [pose_points(b, walking(b), b.keypoint_points) for b in (body, skirted)]
    torch.testing.assert_close(points[0], points[1])
    assert own_vertices(skirted) == len(body.template)


def test_it_can_be_taken_off(body, skirted):
    naked = undressed(skirted)
    assert undressed(body) is body
    assert naked.part_names == body.part_names and naked.covered is None
    for field in fields(body):
        before, after = (getattr(b, field.name) for b in (body, naked))
        if isinstance(before, torch.Tensor) and field.name not in ("uvs", "lbs_weights", "keypoint_weights"):
            assert torch.equal(before, after), field.name
    seen = ~skirted.covered[: len(body.template)]
    assert torch.equal(naked.lbs_weights[seen], body.lbs_weights[seen])


def test_it_is_closed_and_faces_outwards(body, skirted):
    own = skirted.faces[is_garment(skirted)[skirted.faces[:, 0]]]
    mesh = neighbours(own)
    assert len(mesh.edges) == len(mesh.inner)  # every edge is between two triangles that run around alike
    assert is_garment(skirted)[own].all()
    a, b, c = skirted.template[own].double().unbind(1)
    assert (torch.linalg.cross(a, b) * c).sum() / 6 > 0.01  # cubic metres
    surface = skirted.template.double().numpy()
    normals = vertex_normals(surface, skirted.faces.numpy())[cloth(skirted)]
    outwards = surface[cloth(skirted)] * [1, 0, 1]
    assert ((normals * outwards).sum(1) > 0).all()


@pytest.mark.parametrize(("hem", "deep"), [(0.45, 0.04), (0.9, 0.2), (1.45, 0.25)])
def test_it_is_hollow_from_below(body, hem, deep):
    """What closes it is far above the hem, and between them a lining lies behind the cloth."""
    worn = dressed(body, Garment(hem, BETAS))
    surface = (worn.template + worn.shape_basis[..., :3] @ torch.tensor(BETAS)).double().numpy()
    own = surface[is_garment(worn)]
    outer, shown = outside(len(own)), own[outside(len(own))]
    assert own[-1, 1] > shown[-AROUND:, 1].max() + deep
    lining = own[outer.stop + LIP * AROUND :][: LINED * AROUND]
    normals = vertex_normals(surface, worn.faces.numpy())[is_garment(worn)][outer]
    nearest = ((lining[:, None] - shown[None]) ** 2).sum(-1).argmin(1)
    behind = ((shown[nearest] - lining) * normals[nearest]).sum(1)
    assert behind.min() > THICK_M / 2
    assert behind.max() < 2 * THICK_M


def test_lining_and_ends_follow_the_outside(skirted):
    count = int(is_garment(skirted).sum())
    taken, outer = follows(count), outside(count)
    np.testing.assert_allclose(taken.sum(1), 1)
    np.testing.assert_array_equal(taken[outer].toarray(), np.eye(outer.stop - outer.start))
    hem = np.zeros(outer.stop - outer.start)
    hem[-AROUND:] = 1
    lip = (taken @ hem)[outer.stop :].reshape(-1)[: 3 * AROUND].reshape(3, AROUND)
    assert (np.diff(lip, axis=0) < 0).all(), "the higher, the less it follows the hem"


def test_it_is_symmetric(skirted):
    flip = torch.tensor([-1.0, 1.0, 1.0])
    assert torch.equal(skirted.mirror[skirted.mirror], torch.arange(len(skirted.mirror)))
    shaped = skirted.template + skirted.shape_basis[..., :3] @ torch.tensor(BETAS)
    assert (shaped[skirted.mirror] * flip - shaped).abs().max() < 0.003


def test_weights_are_shared_between_both_legs(skirted):
    own = torch.from_numpy(is_garment(skirted))
    torch.testing.assert_close(skirted.lbs_weights.sum(1), torch.ones(len(own)))
    left, right = (skirted.lbs_weights[:, skirted.joint_names.index(f"{side}_hip")] for side in ("left", "right"))
    lowest = own & (skirted.template[:, 1] < skirted.template[own, 1].min() + 0.05)
    front = lowest & (skirted.template[:, 0].abs() < 0.02)
    assert (left[front] - right[front]).abs().max() < 0.3
    side = lowest & (skirted.template[:, 0] > skirted.template[lowest, 0].max() - 0.01)
    assert (left[side] > 2 * right[side]).all()


@pytest.mark.parametrize(("hem", "most"), [(0.9, 2.7), (1.45, 4.0), (1.9, 4.0)])
def test_steps_do_not_tear_it(body, hem, most):
    """Every edge of the cloth stays within bounds that no tear would; a long dress is wider below, not torn."""
    worn = dressed(body, Garment(hem, BETAS))
    at = torch.from_numpy(cloth(worn))
    edges = neighbours(worn.faces).edges
    edges = edges[torch.isin(edges, at).all(1)]
    rest = worn.template + worn.shape_basis[..., :3] @ torch.tensor(BETAS)
    posed = pose_body(worn, walking(worn)).vertices
    length = [(v[..., edges[:, 0], :] - v[..., edges[:, 1], :]).norm(dim=-1) for v in (rest, posed)]
    assert (length[1] / length[0]).max() < most
    assert is_garment(worn).sum() > 1000


def test_thighs_do_not_come_through_in_a_step(skirted):
    """Down to the hem, where the knee that swings forwards is nearest."""
    posed = pose_body(skirted, walking(skirted)).vertices.double().numpy()
    at = cloth(skirted)
    skin = skirted.covered.numpy() & ~is_garment(skirted)
    for surface in posed:
        normals = vertex_normals(surface, skirted.faces.numpy())[at]
        nearest = ((surface[skin][:, None] - surface[at][None]) ** 2).sum(-1).argmin(1)
        outside = ((surface[skin] - surface[at][nearest]) * normals[nearest]).sum(1)
        assert (outside > 0.003).sum() == 0


def test_its_place_in_the_texture_is_its_own(body, skirted):
    own = is_garment(skirted)[skirted.faces[:, 0].numpy()]
    u = skirted.uvs[:, 0].numpy()
    assert u[skirted.uv_faces[own]].min() > u[skirted.uv_faces[~own]].max()
    assert skirted.uvs.min() >= 0 and skirted.uvs.max() <= 1
    a, b, c = skirted.uvs[skirted.uv_faces[own]].double().unbind(1)
    area = (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]
    assert (area.abs() > 1e-9).all()
    assert (area > 0).all() or (area < 0).all()  # no triangle is turned over
    count = int(is_garment(skirted).sum())
    outer = np.isin(skirted.faces[own] - int(np.argmax(is_garment(skirted))), np.arange(count)[outside(count)]).all(1)
    assert area[outer].abs().sum() > 0.7 * area.abs().sum(), "most of it is for what is seen"


def test_covered_skin_is_not_where_outlines_are_looked_for(body, skirted):
    for spacing in (0.0, 0.015):
        chosen = skirted.spread_vertices(spacing)
        assert not skirted.covered[chosen].any()
        assert is_garment(skirted)[chosen].any()
    assert not skirted.covered[: len(body.template)][body.part("hands") > 0.5].any()
    assert not skirted.covered[: len(body.template)][body.part("feet") > 0.5].any()


def test_kept_in_a_file(skirted, tmp_path):
    skirted.save(tmp_path / "body.npz")
    again = Body.load(tmp_path / "body.npz")
    assert torch.equal(again.covered, skirted.covered)
    assert torch.equal(again.lbs_weights, skirted.lbs_weights)


def test_a_garment_without_length_is_refused(body):
    with pytest.raises(BadInputError, match="above where it starts"):
        dressed(body, Garment(0.0, BETAS))


def test_a_body_without_legs_is_refused(body):
    names = tuple(name.replace("left_hip", "tail") for name in body.joint_names)
    with pytest.raises(BadInputError, match="left_hip"):
        dressed(replace(body, joint_names=names), Garment(0.9, BETAS))


def test_a_hem_can_be_inclined(body):
    """With thighs that lean forwards, an inclined hem is level."""
    level, inclined = (dressed(body, Garment(0.9, BETAS, slope)) for slope in (0.0, -0.3))
    pose = rotation.log(a_pose(body))[None].clone()
    for side in ("left", "right"):
        pose[:, body.joint_names.index(f"{side}_hip") - 1, 0] -= 0.3
    heights = []
    for worn in (level, inclined):
        state = replace(walking(worn), body_pose=pose, global_orient=torch.zeros(1, 3), transl=torch.zeros(1, 3))
        heights.append(pose_body(worn, state).vertices[0, cloth(worn)[-AROUND:], 1])
    assert np.ptp(heights[1].numpy()) < 0.4 * np.ptp(heights[0].numpy())


@pytest.mark.parametrize("hem", [0.5, 1.5, 2.0])
def test_short_and_long_ones(body, hem):
    worn = dressed(body, Garment(hem, BETAS))
    assert torch.isfinite(worn.template).all()
    lowest = worn.template[is_garment(worn), 1].min()
    assert lowest > body.template[:, 1].min()
