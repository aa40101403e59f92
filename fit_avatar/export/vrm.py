"""avatar.vrm: the avatar as VRM 1.0, a GLB that says which of its nodes are a human's bones and what moves the face.

Source: https://github.com/vrm-c/vrm-specification, VRMC_vrm 1.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fit_avatar.body.model import Body
from fit_avatar.body.state import BodyState
from fit_avatar.export.expressions import PRESETS
from fit_avatar.export.face import Face, face_of
from fit_avatar.export.glb import Look, avatar_document, finished
from fit_avatar.export.gltf import Buffer
from fit_avatar.export.mesh import rest_mesh
from fit_avatar.export.rig import Rig, rest_rig
from fit_avatar.export.skeletons import VRM_BONES
from fit_avatar.export.straight import in_straight_pose
from fit_avatar.io.atomic import write_bytes

EXTENSION = "VRMC_vrm"
LICENCE_URL = "https://vrm.dev/licenses/1.0/"
"""The licence document that VRM 1.0 requires; the permissions beside it fill it in."""
UNKNOWN = "unknown"
"""The author where none is stated."""
SIDEWAYS_DEG, UPWARDS_DEG = 30.0, 20.0
"""How far the eyes turn at most. Chosen by hand; beyond, people turn their heads."""

_STRICT: Mapping[str, Any] = MappingProxyType(
    {
        "avatarPermission": "onlyAuthor",
        "commercialUsage": "personalNonProfit",
        "creditNotation": "required",
        "modification": "prohibited",
        "allowRedistribution": False,
        "allowExcessivelyViolentUsage": False,
        "allowExcessivelySexualUsage": False,
        "allowPoliticalOrReligiousUsage": False,
        "allowAntisocialOrHateUsage": False,
    }
)
LICENCES: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "private": {},
        "personal": {"avatarPermission": "everyone"},
        "commercial": {
            "avatarPermission": "everyone",
            "commercialUsage": "corporation",
            "modification": "allowModification",
        },
        "free": {
            "avatarPermission": "everyone",
            "commercialUsage": "corporation",
            "creditNotation": "unnecessary",
            "modification": "allowModificationRedistribution",
            "allowRedistribution": True,
        },
    }
)
"""What each allows beyond :data:`_STRICT`, which are VRM's own defaults: a face is somebody's."""


@dataclass(frozen=True)
class VrmMeta:
    """What a VRM file says of itself."""

    name: str = "avatar"
    authors: tuple[str, ...] = (UNKNOWN,)
    licence: str = "private"
    """One of :data:`LICENCES`, or the https address of another licence, beside which nothing is allowed."""

    def document(self, third_party: str) -> dict[str, Any]:
        """Return it as the file holds it. ``third_party``: licence of the body"""
        meta = {"name": self.name, "authors": list(self.authors), "licenseUrl": LICENCE_URL, **_STRICT}
        meta |= LICENCES.get(self.licence, {"otherLicenseUrl": self.licence})
        return meta | ({"thirdPartyLicenses": third_party} if third_party else {})


def write_vrm(
    path: Path,
    body: Body,
    state: BodyState,
    texture: NDArray[np.uint8] | Path,
    meta: VrmMeta | None = None,
    displacement: NDArray[np.float32] | None = None,
    blendshapes: bool = True,
) -> Path:
    """Write the avatar as VRM 1.0: in the T-pose, without motion.

    The default body gets the expressions of :data:`~fit_avatar.export.expressions.PRESETS`, and each of its shapes by
    ARKit's name. The eyes look by their bones, where there are any.

    Args:
        path: of the file, ending in .vrm.
        body: the body.
        state: the person; only the shape is used.
        texture: [S, S, 3] uint8 RGB, or the path of an image file.
        meta: name, authors and licence.
        displacement: heights above the surface in metres, for a normal map. [s, s]
        blendshapes: give the default body's face its shapes, and bones of jaw and eyes.

    Raises:
        BadInputError: the disk is full or the folder cannot be written to.
    """
    flat, person = in_straight_pose(body, state)
    buffer, rest = Buffer(), rest_mesh(flat, person)
    face = face_of(flat, rest) if blendshapes else None
    rig = rest_rig(flat, person, "vrm", face=face)
    document = avatar_document(buffer, flat, rest, rig, Look(texture, displacement=displacement), face)
    mesh_node = len(rig.names)
    extension: dict[str, Any] = {
        "specVersion": "1.0",
        "meta": (meta or VrmMeta()).document(body.licence),
        "humanoid": {"humanBones": {name: {"node": k} for k, name in enumerate(rig.names) if name in VRM_BONES}},
        "firstPerson": {"meshAnnotations": [{"node": mesh_node, "type": "auto"}]},
    }
    if face is not None:
        extension["expressions"] = _expressions(face, mesh_node)
    if "leftEye" in rig.names:
        extension["lookAt"] = _look_at(rig)
        extension.setdefault("expressions", {"preset": {}})  # without any, three-vrm leaves the eyes as they are
    document |= {"extensionsUsed": [EXTENSION], "extensions": {EXTENSION: extension}}
    write_bytes(path, finished(document, buffer))
    return path


def _look_at(rig: Rig) -> dict[str, Any]:
    """Return how far the eyes follow what they look at, and where they are, against the head."""
    places = {name: rig.world[k, :3, 3] for k, name in enumerate(rig.names)}
    between = (places["leftEye"] + places["rightEye"]) / 2
    sideways, upwards = ({"inputMaxValue": degrees, "outputScale": degrees} for degrees in (SIDEWAYS_DEG, UPWARDS_DEG))
    return {
        "type": "bone",
        "offsetFromHeadBone": (between - places["head"]).tolist(),  # in the T-pose the head's axes are the world's
        "rangeMapHorizontalInner": sideways,
        "rangeMapHorizontalOuter": sideways,
        "rangeMapVerticalUp": upwards,
        "rangeMapVerticalDown": upwards,
    }


def _expressions(face: Face, mesh_node: int) -> dict[str, Any]:
    """Return the preset expressions, and every shape alone as a custom one."""

    def bound(weights: Mapping[str, float]) -> dict[str, Any]:
        binds = [
            {"node": mesh_node, "index": face.names.index(shape), "weight": weight} for shape, weight in weights.items()
        ]
        return {"morphTargetBinds": binds}

    return {
        "preset": {name: bound(weights) for name, weights in PRESETS.items()},
        "custom": {shape: bound({shape: 1.0}) for shape in face.names},
    }
