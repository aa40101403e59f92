"""The regions of the body in the report: segments of limbs, and front and back of trunk and head."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fit_avatar.body.mesh import vertex_normals
from fit_avatar.body.model import Body
from fit_avatar.body.skinning import shaped, weighted_sum
from fit_avatar.body.state import BodyState
from fit_avatar.energies.parts import SEGMENTS, parts_of_vertices

REGIONS = (
    "face", "back of the head", "chest", "belly", "upper back", "lower back and seat",
    "left upper arm", "right upper arm", "left forearm", "right forearm", "left hand", "right hand",
    "left thigh", "right thigh", "left lower leg", "right lower leg", "left foot", "right foot",
)  # fmt: skip
"""From head to foot. The neck belongs to the head."""

_LIMBS = {"upper_arm": "upper arm", "forearm": "forearm", "thigh": "thigh", "shank": "lower leg", "foot": "foot"}


def regions_of_vertices(body: Body, state: BodyState) -> NDArray[np.int64]:
    """Return the region of each vertex as an index into :data:`REGIONS`, −1 for what is not skin (eyes, teeth). [V]"""
    vertices = shaped(body, state.betas, state.offsets).detach()
    joints = body.joint_template + weighted_sum(body.joint_basis, state.betas)
    normals = vertex_normals(vertices, body.faces).cpu().numpy()
    height = vertices[:, 1].cpu().numpy()
    segment = parts_of_vertices(body).cpu().numpy()
    waist = joints[[body.joint_names.index(name) for name in ("spine1", "spine2")], 1].mean().item()
    region = np.full(len(vertices), -1, np.int64)

    def assign(chosen: NDArray[np.bool_], name: str) -> None:
        region[chosen] = REGIONS.index(name)

    front, upper = normals[:, 2] > 0, height > waist
    head, torso = segment == SEGMENTS.index("head"), segment == SEGMENTS.index("torso")
    assign(head & front, "face")
    assign(head & ~front, "back of the head")
    assign(torso & front & upper, "chest")
    assign(torso & front & ~upper, "belly")
    assign(torso & ~front & upper, "upper back")
    assign(torso & ~front & ~upper, "lower back and seat")
    hand = _moved_by(body, ("wrist", "hand", "thumb", "index", "middle", "ring", "pinky"))
    for side in ("left", "right"):
        for part, name in _LIMBS.items():
            assign(segment == SEGMENTS.index(f"{side}_{part}"), f"{side} {name}")
        assign(hand & (segment == SEGMENTS.index(f"{side}_forearm")), f"{side} hand")
    region[~body.skin.cpu().numpy()] = -1
    if body.covered is not None:  # no picture can show it
        region[body.covered.cpu().numpy()] = -1
    return region


def on_arm_or_head(body: Body) -> NDArray[np.bool_]:
    """Return which vertices belong to arms, neck or head rather than the trunk. [V]"""
    wanted = [k for k, name in enumerate(SEGMENTS) if name.endswith(("head", "arm"))]
    return np.isin(parts_of_vertices(body).cpu().numpy(), wanted)


def _moved_by(body: Body, names: tuple[str, ...]) -> NDArray[np.bool_]:
    """Return the vertices whose largest weight is of a joint with one of these names, without side and number. [V]"""
    strongest = body.lbs_weights.argmax(1).cpu().numpy()
    bare = [name.removeprefix("left_").removeprefix("right_").rstrip("0123456789") for name in body.joint_names]
    return np.asarray(np.array([name in names for name in bare])[strongest])
