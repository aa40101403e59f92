"""A texture under the clip's own light: what a pose changes in its colours."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from fit_avatar.appearance.light import LIGHT, LightConfig, lighting_normals
from fit_avatar.body.averaging import Averaging
from fit_avatar.body.mesh import vertex_normals
from fit_avatar.body.model import Body
from fit_avatar.body.operators import adjacency
from fit_avatar.texture.bake import Texture

FloatArray = NDArray[np.float32]


def relighting(texture: Texture, body: Body, vertices: FloatArray, config: LightConfig = LIGHT) -> FloatArray:
    """Return the factor at each vertex that takes the texture's colours to those of a frame of the clip. [V, 3]

    Args:
        texture: with the light that was estimated.
        body: the body.
        vertices: posed, in camera coordinates. [V, 3]
        config: with which the light was estimated.
    """
    faces = body.faces.cpu()
    averaging = Averaging.of(adjacency(faces.numpy(), len(vertices)), faces.device)
    normals = lighting_normals(vertex_normals(torch.from_numpy(vertices), faces), averaging, config)
    return np.asarray(texture.light.shading(normals).numpy() / texture.shading, dtype=np.float32)
