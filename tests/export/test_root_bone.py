"""The root bone of Unreal's skeleton: it is there, on the floor, and nothing else moves for it."""

from pathlib import Path

import numpy as np
import pygltflib
import pytest

from fit_avatar.body.joints import SMPLX_JOINTS
from fit_avatar.body.model import SMPL_JOINTS, Body
from fit_avatar.body.state import BodyState
from fit_avatar.export import Axes, in_bind_pose, write_bvh, write_glb, write_usdz
from fit_avatar.export.rig import rest_rig
from fit_avatar.export.skeletons import renamed, root_bone
from tests.export.test_bvh import in_world, positions
from tests.export.test_glb import TEXTURE, read, skinned
from tests.export.test_usd import posed

EVEN = np.array([10, 15, 20, 25, 30, 35])


def test_only_unreal_has_one() -> None:
    assert {name: root_bone(name) for name in ("smpl", "mixamo", "unreal", "unity", "vrm")} == {
        "smpl": None, "mixamo": None, "unreal": "root", "unity": None, "vrm": None,
    }  # fmt: skip
    assert "root" not in renamed(SMPLX_JOINTS, "unreal")


@pytest.mark.parametrize("axes", [Axes(), Axes("z", "cm")])
def test_it_stands_on_the_floor_above_the_pelvis_in_the_hierarchy(body: Body, state: BodyState, axes: Axes) -> None:
    rig, plain = rest_rig(body, state, "unreal", axes), rest_rig(body, state, "smpl", axes)
    assert rig.names == ("root", *renamed(SMPL_JOINTS, "unreal")) and rig.pelvis == 1 and plain.pelvis == 0
    assert rig.parents[:3] == (-1, 0, 1)
    np.testing.assert_array_equal(rig.world[0], np.eye(4))
    np.testing.assert_array_equal(rig.world[1:], plain.world)  # the body's joints are where they are without it
    np.testing.assert_allclose(rig.local[2:], plain.local[1:], atol=1e-12)
    pelvis = rig.world[1, :3, 3] - rig.world[0, :3, 3]
    assert axes.metres * pelvis @ axes.rotation[:, 1] > 0.7  # the floor is below


def test_glb(tmp_path: Path, body: Body, state: BodyState) -> None:
    with_root, plain = (
        pygltflib.GLTF2().load(str(write_glb(tmp_path / f"{s}.glb", body, state, 25.0, TEXTURE, EVEN, skeleton=s)))
        for s in ("unreal", "smpl")
    )
    assert [with_root.nodes[j].name for j in with_root.skins[0].joints] == ["root", *renamed(SMPL_JOINTS, "unreal")]
    top = with_root.nodes[with_root.scenes[0].nodes[0]]
    assert top.name == "root" and [with_root.nodes[child].name for child in top.children] == ["pelvis"]
    moved = {channel.target.node for channel in with_root.animations[0].channels}
    assert moved == set(range(1, 25))  # it stays where it is
    attributes = with_root.meshes[0].primitives[0].attributes
    joints, weights = read(with_root, attributes.JOINTS_0), read(with_root, attributes.WEIGHTS_0)
    assert joints[weights > 0].min() == 1 and joints.max() == 24 and not joints[weights == 0].any()
    for frame in (None, 0, 4):
        np.testing.assert_allclose(skinned(with_root, frame), skinned(plain, frame), atol=1e-9)


def test_usd(tmp_path: Path, body: Body, state: BodyState) -> None:
    usd = pytest.importorskip("pxr.Usd")
    with_root, plain = (
        usd.Stage.Open(
            str(write_usdz(tmp_path / f"{s}.usdz", body, state, 25.0, TEXTURE, EVEN, s, axes=Axes("z", "cm")))
        )
        for s in ("unreal", "smpl")
    )
    joints = with_root.GetPrimAtPath("/avatar/skeleton").GetAttribute("joints").Get()
    assert list(joints[:3]) == ["root", "root/pelvis", "root/pelvis/thigh_l"]
    validation = pytest.importorskip("pxr.UsdValidation")
    validators = validation.ValidationRegistry().GetOrLoadAllValidators()
    assert [c.GetMessage() for c in validation.ValidationContext(validators).Validate(with_root)] == []
    for time in (0.0, 15.0):
        np.testing.assert_allclose(posed(with_root, time), posed(plain, time), atol=1e-3)  # of a centimetre


@pytest.mark.parametrize("frame", [0, 3])
@pytest.mark.parametrize("bind", ["model", "t"])
def test_bvh(tmp_path: Path, body: Body, state: BodyState, frame: int, bind: str) -> None:
    pytest.importorskip("bvhio")
    held = in_bind_pose(body, state, bind)
    path = write_bvh(tmp_path / "a.bvh", *held, 25.0, EVEN, skeleton="unreal")
    lines = [line.strip() for line in path.read_text().splitlines()]
    assert lines[1] == "ROOT root" and "JOINT pelvis" in lines
    found = positions(path, ("root", *renamed(body.joint_names, "unreal")), frame)
    np.testing.assert_allclose(found[1:], in_world(body, state)[frame], atol=2e-5)
    np.testing.assert_array_equal(found[0], 0)
