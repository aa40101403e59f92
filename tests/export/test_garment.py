"""Files of a person in a skirt: what is written is the dressed body, and it is read again as it was."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh

from fit_avatar.body.default_body import face_shapes
from fit_avatar.body.garment import Garment, dressed, is_garment, own_vertices
from fit_avatar.body.model import Body
from fit_avatar.body.skinning import pose_body
from fit_avatar.body.state import BodyState
from fit_avatar.capture import Camera, Capture
from fit_avatar.export import write_glb
from fit_avatar.export.bind import in_bind_pose
from fit_avatar.export.face import face_of
from fit_avatar.export.mesh import rest_mesh
from fit_avatar.export.npz import read_npz, write_npz
from fit_avatar.report.measurements import measure_body
from fit_avatar.report.regions import regions_of_vertices
from tests.export.whole_person import TEXTURE, somebody

Person = tuple[Body, BodyState]


@pytest.fixture(scope="module")
def naked() -> Person:
    return somebody()


@pytest.fixture(scope="module")
def skirted(naked: Person) -> Person:
    body = dressed(naked[0], Garment(0.8, (0.0,) * 10))
    return body, replace(naked[1], offsets=torch.zeros_like(body.template))


def tube_faces(body: Body) -> int:
    """Return how many triangles the garment has."""
    return int(is_garment(body)[body.faces[:, 0]].sum())


def test_the_glb_is_skinned_whole(skirted: Person, tmp_path: Path) -> None:
    path = write_glb(tmp_path / "avatar.glb", *skirted, 25.0, TEXTURE, blendshapes=True)
    mesh = trimesh.load(path, force="mesh", process=False)
    assert len(mesh.faces) == len(skirted[0].faces)
    welded = trimesh.Trimesh(np.round(mesh.vertices, 6), mesh.faces)  # seams of the texture closed
    parts = welded.split(only_watertight=False)
    (own,) = [part for part in parts if len(part.faces) == tube_faces(skirted[0])]
    assert own.is_watertight


def test_no_weight_is_lost_to_the_limit_of_influences(skirted: Person) -> None:
    """What files hold of a vertex's joints is all that the cloth follows."""
    assert int((skirted[0].lbs_weights[is_garment(skirted[0])] > 0).sum(1).max()) <= 4


def test_the_face_keeps_its_shapes(naked: Person, skirted: Person) -> None:
    face, worn = (face_of(body, rest_mesh(body, state)) for body, state in (naked, skirted))
    assert face is not None and worn is not None
    assert worn.names == face_shapes().names
    for ours, theirs in zip(worn.shapes, face.shapes, strict=True):
        np.testing.assert_array_equal(ours.moved, theirs.moved)
    assert worn.shares.shape == (len(skirted[0].template), 3)
    assert not worn.shares[is_garment(skirted[0])].any()


def test_it_can_be_bound_in_a_t_pose(skirted: Person) -> None:
    body, state = in_bind_pose(*skirted, "t")
    own = is_garment(body)
    moved = pose_body(body, state).vertices - pose_body(*skirted).vertices
    assert moved[:, own].abs().max() < 1e-5


def test_it_is_read_again_from_its_npz(skirted: Person, tmp_path: Path) -> None:
    body, state = skirted
    camera = Camera(500.0, 500.0, 50.0, 50.0, 100, 100)
    capture = Capture(np.arange(2), np.zeros((2, 25, 3), np.float32), np.zeros((2, 100, 100), bool), camera,
                      np.ones(2, np.float32), 25.0)  # fmt: skip
    again, same, *_ = read_npz(write_npz(tmp_path / "avatar.npz", body, state, capture))
    assert torch.equal(pose_body(again, same).vertices, pose_body(body, state).vertices)
    assert np.array_equal(is_garment(again), is_garment(body))
    assert torch.equal(again.covered, body.covered)  # type: ignore[arg-type]
    assert dressed(again, Garment(1.0, (0.0,) * 10)) is again


def test_measurements_are_those_of_the_body(naked: Person, skirted: Person) -> None:
    """A skirt is no girth of the hips, and its underside no crotch."""
    without, worn = ({m.name: m.metres for m in measure_body(*person)} for person in (naked, skirted))
    assert worn == pytest.approx(without, abs=0.002)


def test_what_is_covered_belongs_to_no_region(skirted: Person) -> None:
    body, state = skirted
    region = regions_of_vertices(body, state)
    assert body.covered is not None
    assert (region[body.covered.numpy()] == -1).all()
    assert (region[is_garment(body) & ~body.covered.numpy()] >= 0).all()
    assert own_vertices(body) < len(region)
