"""Files of a person with a ponytail or long hair: what is written is the body with hair, and it is read as it was."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh

from fit_avatar.body.below_hair import below_long_hair
from fit_avatar.body.garment import own_vertices
from fit_avatar.body.hair_sheet import sheet_of
from fit_avatar.body.hair_tube import tube_of
from fit_avatar.body.hanging_hair import HangingHair, is_hair, with_hair
from fit_avatar.body.mesh import vertex_normals
from fit_avatar.body.model import Body
from fit_avatar.body.skinning import pose_body
from fit_avatar.body.state import BodyState
from fit_avatar.capture import Camera, Capture
from fit_avatar.export import write_glb
from fit_avatar.export.face import face_of
from fit_avatar.export.mesh import rest_mesh
from fit_avatar.export.npz import read_npz, write_npz
from fit_avatar.report.measurements import measure_body
from tests.export.whole_person import TEXTURE, somebody

Person = tuple[Body, BodyState]


def ponytail(body: Body) -> HangingHair:
    """Return straight hair that begins at the back of the head."""
    head = body.joint_template[body.joint_names.index("head")]
    angle, height = -2 * torch.pi * torch.arange(20) / 20, head[1] + 0.06 - 0.02 * torch.arange(14)
    x, z = (0.03 * f(angle).expand(14, -1) for f in (torch.cos, torch.sin))
    rings = torch.stack([x, height[:, None].expand(-1, 20), z + head[2] - 0.14], -1)
    return tube_of(body, rings, torch.zeros(body.num_betas))


def long_hair(body: Body) -> HangingHair:
    """Return a sheet behind neck and back."""
    skin = body.template.double().numpy()
    normals = vertex_normals(skin, body.faces.numpy())
    over = below_long_hair(body, skin) & (skin[:, 2] < 0.02)
    found = sheet_of(body, over, skin + 0.02 * normals, skin - 0.005 * normals, (0.0,) * body.num_betas)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def bald() -> Person:
    return somebody()


@pytest.fixture(scope="module", params=[ponytail, long_hair])
def haired(bald: Person, request: pytest.FixtureRequest) -> Person:
    body = with_hair(bald[0], request.param(bald[0]))
    return body, replace(bald[1], offsets=torch.zeros_like(body.template))


def test_the_glb_holds_it_closed(haired: Person, tmp_path: Path) -> None:
    path = write_glb(tmp_path / "avatar.glb", *haired, 25.0, TEXTURE, blendshapes=True)
    mesh = trimesh.load(path, force="mesh", process=False)
    assert len(mesh.faces) == len(haired[0].faces)
    welded = trimesh.Trimesh(np.round(mesh.vertices, 6), mesh.faces)  # seams of the texture closed
    count = int(is_hair(haired[0])[haired[0].faces[:, 0]].sum())
    (own,) = [part for part in welded.split(only_watertight=False) if len(part.faces) == count]
    assert own.is_watertight
    assert own.area_faces.min() > 1e-8


def test_no_weight_is_lost_to_the_limit_of_influences(haired: Person) -> None:
    weights = haired[0].lbs_weights[is_hair(haired[0])]
    assert int((weights > 0).sum(1).max()) <= 4
    torch.testing.assert_close(weights.sum(1), torch.ones(len(weights)))


def test_the_face_keeps_its_shapes(bald: Person, haired: Person) -> None:
    face, worn = (face_of(body, rest_mesh(body, state)) for body, state in (bald, haired))
    assert face is not None and worn is not None
    for ours, theirs in zip(worn.shapes, face.shapes, strict=True):
        np.testing.assert_array_equal(ours.moved, theirs.moved)
    assert not worn.shares[is_hair(haired[0])].any()


def test_it_is_read_again_from_its_npz(haired: Person, tmp_path: Path) -> None:
    body, state = haired
    camera = Camera(500.0, 500.0, 50.0, 50.0, 100, 100)
    capture = Capture(np.arange(2), np.zeros((2, 25, 3), np.float32), np.zeros((2, 100, 100), bool), camera,
                      np.ones(2, np.float32), 25.0)  # fmt: skip
    again, same, *_ = read_npz(write_npz(tmp_path / "avatar.npz", body, state, capture))
    assert torch.equal(pose_body(again, same).vertices, pose_body(body, state).vertices)
    assert np.array_equal(is_hair(again), is_hair(body))
    assert own_vertices(again) == own_vertices(body) == len(body.template) - is_hair(body).sum()


def test_measurements_are_those_of_the_body(bald: Person, haired: Person) -> None:
    without, worn = ({m.name: m.metres for m in measure_body(*person)} for person in (bald, haired))
    assert worn == pytest.approx(without, abs=0.002)
