"""What each frame shows of the fitted body, computed once and shared by fitting, texture and report."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from fit_avatar.body.averaging import Averaging
from fit_avatar.body.model import Body
from fit_avatar.body.operators import adjacency
from fit_avatar.body.skinning import pose_body, shaped
from fit_avatar.body.state import BodyState
from fit_avatar.capture.types import Capture
from fit_avatar.errors import BadInputError
from fit_avatar.io.threads import in_threads
from fit_avatar.visibility.raster import silhouette
from fit_avatar.visibility.views import VISIBILITY, View, VisibilityConfig, compute_view


class FrameViews:
    """What each of T frames shows of the body, computed on first use and kept."""

    def __init__(self, body: Body, state: BodyState, capture: Capture, config: VisibilityConfig = VISIBILITY) -> None:
        """Take the body, its shape and the poses of the capture's T frames, and the masks and the camera.

        Raises:
            BadInputError: there is not one pose for each frame.
        """
        if len(state.transl) != len(capture.masks):
            raise BadInputError(
                f"the state has {len(state.transl)} poses, but the capture {len(capture.masks)} frames: "
                "give one pose for each frame"
            )
        self.body, self.state, self.capture, self.config = body, state, capture, config
        self._views: dict[int, View] = {}
        self._silhouettes: dict[int, NDArray[np.uint8]] = {}  # packed bits

    @cached_property
    def vertices(self) -> torch.Tensor:
        """Return the posed surface in camera coordinates. [T, V, 3] metres"""
        with torch.no_grad():
            return pose_body(self.body, self.state).vertices

    @cached_property
    def bind_vertices(self) -> torch.Tensor:
        """Return the surface in the bind pose. [V, 3] metres"""
        return shaped(self.body, self.state.betas, self.state.offsets).detach()

    @cached_property
    def averaging(self) -> Averaging:
        """Return averages over the vertices around each, on the body's device."""
        return Averaging.of(self.neighbours, self.body.template.device)

    @cached_property
    def neighbours(self) -> csr_matrix:
        """Return which vertices share an edge. [V, V]"""
        return adjacency(self.body.faces.cpu().numpy(), len(self.body.template))

    def view(self, t: int) -> View:
        """Return which parts of the body frame ``t`` shows, and with what confidence."""
        if t not in self._views:
            surface = self.vertices[t], self.body.faces, self.averaging, self.bind_vertices
            self._views[t] = compute_view(*surface, self.capture.camera, self.capture.masks[t], self.config)
        return self._views[t]

    def views(self) -> Iterator[View]:
        """Yield the views of all frames, some worked out at once."""
        _ = self.vertices, self.averaging, self.bind_vertices  # once, before there are threads
        return in_threads(self.view, range(len(self.vertices)))

    def silhouettes(self) -> Iterator[NDArray[np.bool_]]:
        """Yield the silhouettes of all frames, some worked out at once."""
        _ = self.vertices
        return in_threads(self.silhouette, range(len(self.vertices)))

    def silhouette(self, t: int) -> NDArray[np.bool_]:
        """Return True where the body covers the picture of frame ``t``. [H, W]"""
        camera = self.capture.camera
        if t not in self._silhouettes:
            drawn = silhouette(self.vertices[t], self.body.faces, camera, cull_backfaces=True)
            self._silhouettes[t] = np.packbits(drawn.cpu().numpy())
        flat = np.unpackbits(self._silhouettes[t], count=camera.height * camera.width)
        return flat.view(bool).reshape(camera.height, camera.width)
