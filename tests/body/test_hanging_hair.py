"""A body with hair that hangs is a body: the hair is closed, skinned by head and back, with a place in the texture."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from fit_avatar.body import BodyState, load_body, pose_body, rotation
from fit_avatar.body.garment import Garment, dressed, is_garment, own_vertices
from fit_avatar.body.hair_tube import tube_of
from fit_avatar.body.hanging_hair import FALL_M, LOOSE, STRIP, HangingHair, hair_weights, is_hair, with_hair
from fit_avatar.body.mesh import neighbours
from fit_avatar.body.model import Body
from fit_avatar.body.poses import a_pose
from fit_avatar.body.skinning import shaped
from fit_avatar.errors import BadInputError

BETAS = (0.5, -0.6, 0.4)


def ponytail(body: Body, rows: int = 12, around: int = 16, betas: tuple[float, ...] = BETAS) -> HangingHair:
    """Return hair of a hand's width that hangs straight down behind the head."""
    skin, level = shaped(body, torch.tensor(betas)), head_of(body, betas)
    behind = skin[skin[:, 1] > level][:, 2].min() - 0.04
    angle = -2 * torch.pi * torch.arange(around) / around
    height = level + 0.06 - 0.025 * torch.arange(rows)
    x, z = (0.03 * f(angle).expand(rows, -1) for f in (torch.cos, torch.sin))
    rings = torch.stack([x, height[:, None].expand(-1, around), z + behind], -1)
    return tube_of(body, rings, torch.tensor(betas))


def head_of(body: Body, betas: tuple[float, ...] = BETAS) -> Tensor:
    """Return the height of the head's joint."""
    head = body.joint_names.index("head")
    return (body.joint_template + body.joint_basis[..., : len(betas)] @ torch.tensor(betas))[head, 1]


@pytest.fixture(scope="module")
def body() -> Body:
    """The default body: one with a head."""
    return load_body(3)


@pytest.fixture(scope="module")
def haired(body: Body) -> Body:
    return with_hair(body, ponytail(body))


def nodding(body: Body, angle: float = 0.4) -> BodyState:
    """The head bent to the front."""
    pose = rotation.log(a_pose(body))[None].clone()
    pose[:, body.joint_names.index("head") - 1, 0] += angle
    return BodyState(torch.tensor(BETAS), torch.zeros_like(body.template), torch.zeros(1, 3), pose, torch.zeros(1, 3))


def test_no_hair_is_the_same_body(body, haired):
    assert with_hair(body, None) is body
    assert with_hair(haired, ponytail(body)) is haired
    assert not is_hair(body).any()


def test_the_body_itself_does_not_change(body, haired):
    bald, worn = (pose_body(b, nodding(b)) for b in (body, haired))
    assert torch.equal(worn.vertices[:, : len(body.template)], bald.vertices)
    assert torch.equal(worn.joints, bald.joints)
    assert own_vertices(haired) == len(body.template)
    assert is_hair(haired).sum() == len(haired.template) - len(body.template)


def test_it_is_where_it_was_laid(body, haired):
    found = shaped(haired, torch.tensor(BETAS))[is_hair(haired)]
    torch.testing.assert_close(found, ponytail(body).vertices, atol=1e-6, rtol=0)


def test_it_grows_with_the_head(body, haired):
    taller = torch.tensor([0.5, -0.6, 2.0])
    moved = (shaped(haired, taller) - shaped(haired, torch.tensor(BETAS)))[is_hair(haired)]
    skin, level = shaped(body, torch.tensor(BETAS)), head_of(body)
    near = (skin[:, 1] - level).abs() < 0.05
    beside = (shaped(body, taller) - skin)[near & body.skin].mean(0)
    assert (moved[1:17] - beside).norm(dim=1).max() < 0.02
    assert moved.norm(dim=1).max() > 0.005


def test_it_is_closed_and_faces_outwards(body, haired):
    own = haired.faces[is_hair(haired)[haired.faces[:, 0]]]
    mesh = neighbours(own)
    assert len(mesh.edges) == len(mesh.inner)  # every edge is between two triangles that run around alike
    assert is_hair(haired)[own].all()
    a, b, c = shaped(haired, torch.tensor(BETAS))[own].double().unbind(1)
    volume = float((torch.linalg.cross(a, b) * c).sum() / 6)
    assert volume == pytest.approx(np.pi * 0.03**2 * 11 * 0.025, rel=0.1)


def test_its_triangles_have_a_strip_of_the_texture_for_themselves(body, haired):
    of_hair = is_hair(haired)[haired.faces.numpy()].all(1)
    corners = haired.uvs[haired.uv_faces].numpy()
    assert corners[of_hair, :, 0].min() > 1 - STRIP > corners[~of_hair, :, 0].max()
    first, second = corners[of_hair, 1] - corners[of_hair, 0], corners[of_hair, 2] - corners[of_hair, 0]
    area = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
    assert area.min() > 0  # as the body's are: no mirror image, no triangle without texels
    assert corners.min() >= 0
    assert corners.max() <= 1


def test_it_follows_the_head_above_and_the_back_below(body):
    level = head_of(body)
    heights = level - torch.tensor([-0.1, FALL_M[0], FALL_M[1], FALL_M[2], 1.0])
    weights = hair_weights(body, torch.tensor(BETAS), heights)
    head, upper, middle = (body.joint_names.index(name) for name in ("head", "spine3", "spine2"))
    torch.testing.assert_close(weights.sum(1), torch.ones(5))
    torch.testing.assert_close(weights[:, head], torch.tensor([1.0, 1.0, LOOSE, LOOSE, LOOSE]))
    assert weights[2, upper] == pytest.approx(1 - LOOSE)
    assert weights[3, middle] == pytest.approx(1 - LOOSE)


def test_a_nod_moves_its_root_with_the_head(body, haired):
    still, nods = (pose_body(haired, replace(nodding(haired, angle))).vertices[0] for angle in (0.0, 0.4))
    moved = (nods - still).norm(dim=1)[is_hair(haired)][1:-1].unflatten(0, (12, 16)).mean(1)
    lever = (shaped(haired, torch.tensor(BETAS))[is_hair(haired)][1:17].mean(0)[1] - head_of(body)).abs()
    assert moved[0] > 0.4 * lever
    assert moved.diff().abs().max() < 0.02  # no ring is torn from the next


def test_it_goes_with_a_garment(body):
    both = with_hair(dressed(body, Garment(0.9, BETAS)), ponytail(body))
    assert own_vertices(both) == len(body.template)
    assert is_garment(both).any()
    assert not (is_garment(both) & is_hair(both)).any()
    assert not both.covered[is_hair(both)].any()
    assert pose_body(both, nodding(both)).vertices.isfinite().all()


def test_a_body_without_a_head_by_that_name_is_refused(body):
    names = tuple("skull" if name == "head" else name for name in body.joint_names)
    with pytest.raises(BadInputError, match="lacks a joint that hair needs"):
        hair_weights(replace(body, joint_names=names), torch.tensor(BETAS), torch.zeros(3))


def test_hair_goes_to_a_device_whole(body):
    moved = ponytail(body).to(torch.device("meta"))
    assert {getattr(moved, name).device.type for name in ("vertices", "faces", "weights", "uvs", "uv_faces")} == {
        "meta"
    }
