"""A further motion in an avatar's GLB, read back by pygltflib and trimesh; what is there stays as it was."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pygltflib
import pytest
import torch
import trimesh
from numpy.typing import NDArray

from fit_avatar.body.model import Body
from fit_avatar.body.motion import Motion
from fit_avatar.body.state import BodyState
from fit_avatar.errors import BadInputError
from fit_avatar.export import append_animation, check_appendable, in_bind_pose, write_glb
from fit_avatar.export.gltf import packed, unpacked

TEXTURE = np.random.default_rng(0).integers(0, 255, (16, 16, 3), dtype=np.uint8)
TIMES = np.array([3.0, 3.1, 3.2, 3.4, 3.5])
WIDTHS = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}


@pytest.fixture
def dance(state: BodyState) -> Motion:
    moved = replace(
        state,
        global_orient=state.global_orient[:5],
        body_pose=state.body_pose[:5] + 0.3,
        transl=state.transl[:5] + torch.linspace(0, 1, 5)[:, None],
    )
    return Motion(np.arange(90, 95), TIMES, moved)


@pytest.fixture
def glb(tmp_path: Path, body: Body, state: BodyState) -> Path:
    return write_glb(tmp_path / "avatar.glb", body, state, 25.0, TEXTURE)


def tracks(path: Path, number: int) -> tuple[str, dict[tuple[int, str], NDArray[np.float32]]]:
    """Return name and values of an animation, by node and property, with its times under (-1, "time")."""
    gltf = pygltflib.GLTF2().load(str(path))
    animation = gltf.animations[number]

    def read(index: int) -> NDArray[np.float32]:
        accessor = gltf.accessors[index]
        start = gltf.bufferViews[accessor.bufferView].byteOffset
        width = WIDTHS[accessor.type]
        values = np.frombuffer(gltf.binary_blob(), "<f4", accessor.count * width, start)
        return values.reshape(accessor.count, width)

    found = {(c.target.node, c.target.path): read(animation.samplers[c.sampler].output) for c in animation.channels}
    return animation.name, found | {(-1, "time"): read(animation.samplers[0].input)}


def assert_same(one: Any, other: Any) -> None:
    assert one[0] == other[0] and one[1].keys() == other[1].keys()
    for key, values in one[1].items():
        np.testing.assert_array_equal(values, other[1][key])


@pytest.mark.parametrize(("skeleton", "bind"), [("smpl", "model"), ("unreal", "t"), ("mixamo", "a")])
def test_it_is_what_a_file_of_that_motion_alone_holds(
    tmp_path: Path, body: Body, state: BodyState, dance: Motion, skeleton: str, bind: str
) -> None:
    bound, poses = in_bind_pose(body, state, bind)
    both = write_glb(tmp_path / "both.glb", bound, poses, 25.0, TEXTURE, skeleton=skeleton)
    before, first = both.read_bytes(), tracks(both, 0)
    check_appendable(both, body, dance, "dance")
    assert both.read_bytes() == before
    assert append_animation(both, body, dance, 30.0, "dance") == both
    bound, poses = in_bind_pose(body, dance.state, bind)
    alone = write_glb(
        tmp_path / "alone.glb", bound, poses, 30.0, TEXTURE, dance.frame_indices, skeleton=skeleton, times_s=TIMES,
        name="dance",
    )  # fmt: skip
    assert_same(tracks(both, 1), tracks(alone, 0))
    assert_same(tracks(both, 0), first)
    old, binary = unpacked(before)
    new, longer = unpacked(both.read_bytes())
    assert longer.startswith(binary) and {k: old[k] for k in ("nodes", "meshes", "skins", "images")} == {
        k: new[k] for k in ("nodes", "meshes", "skins", "images")
    }
    assert new["animations"][1]["extras"]["first_frame"] == 90
    assert len(trimesh.load(both).geometry) == 1
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_the_same_clip_replaces_its_own_motion_and_leaves_nothing(glb: Path, body: Body, dance: Motion) -> None:
    append_animation(glb, body, dance, 30.0, "dance", "clip 1")
    append_animation(glb, body, dance, 30.0, "walk", "clip 2")
    size, walk = len(unpacked(glb.read_bytes())[1]), tracks(glb, 2)
    still = replace(dance, state=replace(dance.state, body_pose=torch.zeros_like(dance.state.body_pose)))
    append_animation(glb, body, still, 30.0, "dance", "clip 1")
    assert len(unpacked(glb.read_bytes())[1]) == size
    assert_same(tracks(glb, 1), walk)
    name, values = tracks(glb, 2)
    assert name == "dance" and (np.abs(values[3, "rotation"]) < 1e-6)[:, :3].all()
    assert [each.name for each in pygltflib.GLTF2().load(str(glb)).animations] == ["captured", "walk", "dance"]


def test_that_of_another_clip_is_kept(glb: Path, body: Body, dance: Motion) -> None:
    append_animation(glb, body, dance, 30.0, "dance", "clip 1")
    before = glb.read_bytes()
    for clip, told in (("clip 2", "of another video already: rename the video"), ("", "already: take another name")):
        with pytest.raises(BadInputError, match=f"has an animation 'dance' {told}"):
            append_animation(glb, body, dance, 30.0, "dance", clip)
    with pytest.raises(BadInputError, match="has an animation 'captured' of another video"):
        check_appendable(glb, body, dance, "captured", "clip 1")
    assert glb.read_bytes() == before
    append_animation(glb, body, dance, 30.0, "dance", "clip 2", force=True)
    assert unpacked(glb.read_bytes())[0]["animations"][1]["extras"]["clip"] == "clip 2"


def test_another_avatar_is_refused(glb: Path, body: Body, dance: Motion) -> None:
    before = glb.read_bytes()
    longer = replace(body, joint_template=body.joint_template * 1.02)
    for changed in (longer, replace(body, joint_names=("hips", *body.joint_names[1:]))):
        with pytest.raises(
            BadInputError, match=r"is not of the avatar in avatar\.npz beside it \(its skeleton differs"
        ):
            append_animation(glb, changed, dance, 30.0, "dance")
    assert glb.read_bytes() == before


def _without(name: str) -> Callable[[dict[str, Any]], None]:
    return lambda document: document.pop(name)


def _of_another_program(document: dict[str, Any]) -> None:
    document["asset"]["generator"] = "Blender"


def _pointing_nowhere(document: dict[str, Any]) -> None:
    document["animations"][0]["samplers"][0]["output"] = 999


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (_of_another_program, "another program has written it: Blender"),
        (_without("skins"), "it has no 'skins'"),
        (_without("bufferViews"), "it has no 'bufferViews'"),
        (_pointing_nowhere, "its parts point nowhere"),
    ],
)
def test_a_file_that_is_not_as_it_should_be_stays(
    glb: Path, body: Body, dance: Motion, damage: Callable[[dict[str, Any]], None], reason: str
) -> None:
    document, binary = unpacked(glb.read_bytes())
    damage(document)
    glb.write_bytes(packed(document, binary))
    before = glb.read_bytes()
    with pytest.raises(BadInputError) as caught:
        append_animation(glb, body, dance, 30.0, "dance")
    assert f"is not a GLB as fit-avatar writes it ({reason})" in str(caught.value)
    assert glb.read_bytes() == before


def test_a_damaged_file_is_told(glb: Path, body: Body, dance: Motion) -> None:
    whole = glb.read_bytes()
    for content, reason in (
        (b"", "no GLB of glTF 2.0"),
        (whole[:500], "it is cut off"),
        (json.dumps({}).encode() * 20, "no GLB of glTF 2.0"),
    ):
        glb.write_bytes(content)
        with pytest.raises(BadInputError, match=reason):
            append_animation(glb, body, dance, 30.0, "dance")
    glb.unlink()
    with pytest.raises(BadInputError, match=r"there is no GLB .*: give an avatar whose folder holds one"):
        append_animation(glb, body, dance, 30.0, "dance")
