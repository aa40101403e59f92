"""avatar.vrm, read back by pygltflib: bones, pose, expressions and licence as VRM 1.0 asks for them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pygltflib
import pytest
import torch
import trimesh

from fit_avatar.body.model import Body
from fit_avatar.body.state import BodyState
from fit_avatar.capture.types import Camera, Capture
from fit_avatar.config import VRM_LICENCES
from fit_avatar.export import Style, VrmMeta, write_extra, write_vrm
from fit_avatar.export.vrm import LICENCES
from tests.export.test_face import read, target
from tests.export.whole_person import TEXTURE, somebody

REQUIRED = {
    "hips", "spine", "head", "leftUpperLeg", "leftLowerLeg", "leftFoot", "rightUpperLeg", "rightLowerLeg", "rightFoot",
    "leftUpperArm", "leftLowerArm", "leftHand", "rightUpperArm", "rightLowerArm", "rightHand",
}  # fmt: skip
ABOVE = {
    "spine": "hips", "chest": "spine", "upperChest": "chest", "neck": "upperChest", "head": "neck", "jaw": "head",
    "leftEye": "head", "rightEye": "head",
} | {
    f"{side}{bone}": above if above in ("hips", "upperChest") else f"{side}{above}"
    for side in ("left", "right")
    for bone, above in (
        ("UpperLeg", "hips"), ("LowerLeg", "UpperLeg"), ("Foot", "LowerLeg"), ("Toes", "Foot"),
        ("Shoulder", "upperChest"), ("UpperArm", "Shoulder"), ("LowerArm", "UpperArm"), ("Hand", "LowerArm"),
        *((f"{finger}Proximal", "Hand") for finger in ("Index", "Middle", "Ring", "Little")),
        *((f"{finger}Intermediate", f"{finger}Proximal") for finger in ("Index", "Middle", "Ring", "Little")),
        *((f"{finger}Distal", f"{finger}Intermediate") for finger in ("Index", "Middle", "Ring", "Little")),
        ("ThumbMetacarpal", "Hand"), ("ThumbProximal", "ThumbMetacarpal"), ("ThumbDistal", "ThumbProximal"),
    )
}  # fmt: skip
"""The bone above each, from the specification's tables."""
EMOTIONS = {"happy", "angry", "sad", "relaxed", "surprised"}
SOUNDS = {"aa", "ih", "ou", "ee", "oh"}
BLINKS = {"blink", "blinkLeft", "blinkRight"}
LOOKS = {"lookUp", "lookDown", "lookLeft", "lookRight"}


@pytest.fixture(scope="module", params=["anny", "anny-hands"])
def gltf(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> pygltflib.GLTF2:
    body, state = somebody(request.param)
    person = replace(state, betas=torch.linspace(1.5, -1.5, 10))
    path = write_vrm(tmp_path_factory.mktemp("vrm") / "avatar.vrm", body, person, TEXTURE, VrmMeta("Anna", ("A. B.",)))
    return pygltflib.GLTF2.load_binary(str(path))


def vrm(gltf: pygltflib.GLTF2) -> dict[str, Any]:
    assert gltf.extensionsUsed == ["VRMC_vrm"] and gltf.extensions["VRMC_vrm"]["specVersion"] == "1.0"
    extension: dict[str, Any] = gltf.extensions["VRMC_vrm"]
    return extension


def bones(gltf: pygltflib.GLTF2) -> dict[str, int]:
    return {name: bone["node"] for name, bone in vrm(gltf)["humanoid"]["humanBones"].items()}


def places(gltf: pygltflib.GLTF2) -> dict[str, Any]:
    """Return where each bone is. No node is turned, so translations add up."""
    found = {}

    def visit(node: int, above: Any) -> None:
        assert abs(gltf.nodes[node].rotation[3]) == pytest.approx(1) and gltf.nodes[node].scale is None
        found[node] = above + np.array(gltf.nodes[node].translation)
        for child in gltf.nodes[node].children:
            visit(child, found[node])

    visit(0, np.zeros(3))
    return {name: found[node] for name, node in bones(gltf).items()}


def check_bones(gltf: pygltflib.GLTF2) -> None:
    named = bones(gltf)
    assert set(named) >= REQUIRED and set(named) <= set(ABOVE) | {"hips"}
    assert len(set(named.values())) == len(named)
    above = {child: k for k, node in enumerate(gltf.nodes) for child in node.children}
    of_node = {node: name for name, node in named.items()}
    for name, node in named.items():
        if name == "hips":
            continue
        while (node := above[node]) not in of_node:
            pass
        assert of_node[node] == ABOVE[name]


def test_all_bones_are_there_and_in_their_places(gltf: pygltflib.GLTF2) -> None:
    check_bones(gltf)
    assert {"leftEye", "rightEye", "jaw", "upperChest"} <= set(bones(gltf))
    assert len(gltf.meshes) == 1 and not gltf.animations


def test_the_rest_pose_is_the_specifications_t_pose(gltf: pygltflib.GLTF2) -> None:
    at = places(gltf)
    for side, sign in (("left", 1), ("right", -1)):
        arm = np.array([at[f"{side}{bone}"] for bone in ("UpperArm", "LowerArm", "Hand", "MiddleProximal")])
        assert (sign * np.diff(arm[:, 0]) > 0.05).all()
        np.testing.assert_allclose(np.ptp(arm[:, 1:], axis=0), 0, atol=1e-5)
        leg = np.array([at[f"{side}{bone}"] for bone in ("UpperLeg", "LowerLeg", "Foot")])
        assert (np.diff(leg[:, 1]) < -0.3).all()
        np.testing.assert_allclose(np.ptp(leg[:, [0, 2]], axis=0), 0, atol=1e-5)
        toes = at[f"{side}Toes"] - at[f"{side}Foot"]
        assert toes[0] == pytest.approx(0, abs=1e-5) and toes[2] > 0.05
    points = read(gltf, gltf.meshes[0].primitives[0].attributes.POSITION)
    assert points[:, 1].min() == pytest.approx(0, abs=1e-6) and 1.5 < points[:, 1].max() < 2
    assert abs(points[:, 0].min() + points[:, 0].max()) < 0.02
    nose = points[np.linalg.norm(target(gltf, "noseSneerLeft"), axis=1) > 1e-3]
    assert nose[:, 2].mean() > at["head"][2] + 0.05  # facing +z


def test_expressions_are_made_of_the_shapes(gltf: pygltflib.GLTF2) -> None:
    expressions = vrm(gltf)["expressions"]
    assert set(expressions["preset"]) == EMOTIONS | SOUNDS | BLINKS | LOOKS
    names = gltf.meshes[0].extras["targetNames"]
    assert list(expressions["custom"]) == names
    for expression in (*expressions["preset"].values(), *expressions["custom"].values()):
        for bind in expression["morphTargetBinds"]:
            assert gltf.nodes[bind["node"]].mesh == 0 and 0 < bind["weight"] <= 1 and bind["index"] < len(names)

    def moved(expression: str) -> Any:
        binds = expressions["preset"][expression]["morphTargetBinds"]
        return sum(bind["weight"] * target(gltf, names[bind["index"]]) for bind in binds)

    for side in ("Left", "Right"):
        np.testing.assert_array_equal(moved(f"blink{side}"), target(gltf, f"eyeBlink{side}"))
    np.testing.assert_allclose(moved("blink"), moved("blinkLeft") + moved("blinkRight"))
    for sound in SOUNDS:
        assert moved(sound)[:, 1].min() < -0.004  # the lower lip goes down
    for look, axis, sign in (("lookLeft", 0, 1), ("lookRight", 0, -1), ("lookUp", 1, 1), ("lookDown", 1, -1)):
        eyes = np.abs(target(gltf, "eyeLookOutLeft")) + np.abs(target(gltf, "eyeLookOutRight"))
        assert sign * moved(look)[eyes.sum(1) > 3e-3][:, axis].mean() > 1e-3


def test_the_eyes_look_from_between_them(gltf: pygltflib.GLTF2) -> None:
    look, at = vrm(gltf)["lookAt"], places(gltf)
    assert look["type"] == "bone"
    np.testing.assert_allclose(at["head"] + look["offsetFromHeadBone"], (at["leftEye"] + at["rightEye"]) / 2, atol=1e-5)
    for direction in ("HorizontalInner", "HorizontalOuter", "VerticalUp", "VerticalDown"):
        assert 0 < look[f"rangeMap{direction}"]["outputScale"] <= look[f"rangeMap{direction}"]["inputMaxValue"] <= 45


def test_nothing_is_allowed_that_nobody_stated(gltf: pygltflib.GLTF2) -> None:
    meta = vrm(gltf)["meta"]
    assert (meta["name"], meta["authors"], meta["licenseUrl"]) == ("Anna", ["A. B."], "https://vrm.dev/licenses/1.0/")
    assert (meta["avatarPermission"], meta["modification"]) == ("onlyAuthor", "prohibited")
    assert (meta["commercialUsage"], meta["creditNotation"]) == ("personalNonProfit", "required")
    assert not any(value for name, value in meta.items() if name.startswith("allow"))
    assert meta["thirdPartyLicenses"].startswith("Anny")


@pytest.mark.parametrize(
    ("licence", "wearer", "use", "given_on"),
    [
        ("personal", "everyone", "personalNonProfit", False),
        ("commercial", "everyone", "corporation", False),
        ("free", "everyone", "corporation", True),
    ],
)
def test_a_licence_that_is_stated(licence: str, wearer: str, use: str, given_on: bool) -> None:
    meta = VrmMeta(licence=licence).document("")
    assert (meta["avatarPermission"], meta["commercialUsage"], meta["allowRedistribution"]) == (wearer, use, given_on)
    assert not any(meta[f"allow{use}Usage"] for use in ("AntisocialOrHate", "ExcessivelySexual", "ExcessivelyViolent"))
    assert "thirdPartyLicenses" not in meta and "otherLicenseUrl" not in meta


def test_a_licence_of_ones_own() -> None:
    meta = VrmMeta(licence="https://example.org/mine").document("")
    assert meta.pop("otherLicenseUrl") == "https://example.org/mine"
    assert meta == VrmMeta().document("")
    assert tuple(LICENCES) == VRM_LICENCES


def test_a_body_without_shapes_has_bones_alone(tmp_path: Path, body: Body, state: BodyState) -> None:
    path = write_vrm(tmp_path / "avatar.vrm", body, state, TEXTURE)
    gltf = pygltflib.GLTF2.load_binary(str(path))
    check_bones(gltf)
    assert not {"expressions", "lookAt"} & set(vrm(gltf))
    assert vrm(gltf)["meta"]["authors"] == ["unknown"]
    scene = trimesh.load(path, file_type="glb")
    assert sum(len(each.faces) for each in scene.geometry.values()) == len(body.faces)


def test_without_blendshapes_the_default_body_has_bones_alone(tmp_path: Path) -> None:
    body, state = somebody()
    seen = Capture(
        np.arange(2), np.zeros((2, 25, 3), np.float32), np.zeros((2, 4, 4), bool),
        Camera(400.0, 400.0, 2.0, 2.0, 4, 4), np.ones(2, np.float32), fps=25.0,
    )  # fmt: skip
    (path,) = write_extra("vrm", tmp_path, body, state, seen, TEXTURE, Style(blendshapes=False))
    gltf = pygltflib.GLTF2.load_binary(str(path))
    check_bones(gltf)
    assert not {"expressions", "lookAt"} & set(vrm(gltf))
    assert not {"jaw", "leftEye", "rightEye"} & set(bones(gltf)) and not gltf.meshes[0].primitives[0].targets
