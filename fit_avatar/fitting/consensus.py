"""Consensus: one surface for the clip, from the un-posed viewing cones of all frames.

Every outline point pulls its rim vertex onto the plane through the camera's centre that touches the
outline there. Un-posed by the vertex's own skinning, the planes of all frames meet in the bind pose and
give one sparse linear system for the offsets, re-weighted robustly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, diags, identity
from scipy.sparse.linalg import LinearOperator, cg, splu
from torch import Tensor

from fit_avatar.body.model import Body
from fit_avatar.body.operators import cotangent_laplacian, skin_attachment
from fit_avatar.body.skinning import shaped
from fit_avatar.energies import GemanMcClure, part_multiplier
from fit_avatar.energies.cone import unpose_planes
from fit_avatar.energies.kernel import value_at
from fit_avatar.fitting.evidence import Evidence
from fit_avatar.fitting.stage import ConsensusStage
from fit_avatar.silhouettes import plane_distance
from fit_avatar.solvers.state import ClipState
from fit_avatar.solvers.unknowns import Unknowns

STIFF = {"face": 10.0, "ears": 10.0, "hands": 20.0, "fingers": 50.0, "feet": 1.0, "toes": 1.0}
"""Laplacian multipliers of parts whose own detail is finer than an outline shows."""
THIN = {"face": 5.0, "ears": 5.0, "hands": 20.0, "fingers": 50.0, "feet": 1.0, "toes": 1.0}
"""Offset-prior multipliers of parts that wear little."""

CHUNK = 8
FloatArray = NDArray[np.float64]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Constraints:
    """Un-posed tangent planes: vertex, plane normal and shift of each, in the bind pose."""

    vertices: Tensor  # [M] int64
    planes: Tensor  # [M, 3]
    shift: Tensor  # [M]
    trust: Tensor  # [M]


def unpose_outlines(body: Body, evidence: Evidence, state: ClipState, gate_m: float, rim: int) -> Constraints:
    """Match every outline point and carry its tangent plane into the bind pose."""
    parts = []
    for part in torch.split(torch.arange(len(state.transl), device=evidence.device), CHUNK):
        x = Unknowns.of(body, state.frames(part)).posed_body()
        found = unpose_planes(x, evidence.contours.frames(part), evidence.camera, gate_m, rim, spacing_m=0.0)
        trust = found.trust * evidence.frame_weights[part, None]
        parts.append(
            Constraints(found.vertices.flatten(), found.normals.flatten(0, 1), found.shift.flatten(), trust.flatten())
        )
    return Constraints(
        *(torch.cat([getattr(p, name) for p in parts]) for name in ("vertices", "planes", "shift", "trust"))
    )


class ConsensusSolver:
    """The regularisers of a body, set up once; solves for the offsets of one set of planes after another."""

    def __init__(self, body: Body, stage: ConsensusStage, betas: Tensor, frames: int = 30) -> None:
        template = shaped(body, betas).double().cpu().numpy()
        faces, skin = body.faces.cpu().numpy(), body.skin.cpu().numpy()
        operator, areas = cotangent_laplacian(template, faces)
        areas = np.where(skin, areas, areas.mean() * 1e-2)
        self.area = float(areas[skin].sum())
        stiff, thin = (part_multiplier(body, table).double().cpu().numpy() for table in (STIFF, THIN))
        mirror = body.mirror.cpu().numpy()
        swap = csr_matrix((np.ones(len(mirror)), (np.arange(len(mirror)), mirror)))
        fewer = (30 / frames) ** 2  # there are fewer outlines, and wider gaps between them
        self.smooth = (operator.T @ diags(stage.smooth_m**4 * stiff / areas) @ operator).tocsr()
        self.body = diags(fewer * stage.body * thin * areas)
        # The sideways component changes its sign in the mirror.
        self.symmetry = [
            _squared(identity(len(mirror)) - sign * swap, fewer * stage.symmetry * areas) for sign in (-1.0, 1.0, 1.0)
        ]
        self.fixed = [(self.smooth + self.body + part).tocsr() for part in self.symmetry]
        preconditioner = self.smooth + self.body + diags(areas * (1 / 3 + fewer * stage.symmetry))
        self.inverse = splu(preconditioner.tocsc(), permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True})
        self.carry = skin_attachment(template, faces, skin)

    def solve(self, constraints: Constraints, weight: Tensor, residual: Tensor, start: FloatArray) -> FloatArray:
        """Return offsets [V, 3] that meet the planes; ``residual`` is theirs at zero offsets."""
        count = len(start)
        vertices, planes = constraints.vertices.cpu().numpy(), constraints.planes.double().cpu().numpy()
        w = weight.double().cpu().numpy()
        w = w * (self.area / max(w.sum(), 1e-9))
        outer = w[:, None, None] * planes[:, :, None] * planes[:, None, :]
        blocks = np.stack(
            [np.bincount(vertices, outer[:, i, j], count) for i in range(3) for j in range(3)], -1
        ).reshape(count, 3, 3)
        pull = w[:, None] * planes * residual.double().cpu().numpy()[:, None]
        right = -np.stack([np.bincount(vertices, pull[:, i], count) for i in range(3)], -1)

        def product(flat: FloatArray) -> FloatArray:
            x = flat.reshape(count, 3)
            y = np.einsum("vij,vj->vi", blocks, x)
            for axis in range(3):
                y[:, axis] += self.fixed[axis] @ x[:, axis]
            return np.asarray(y.ravel())

        def approximate_inverse(flat: FloatArray) -> FloatArray:
            return np.asarray(self.inverse.solve(flat.reshape(count, 3))).ravel()

        size = (3 * count, 3 * count)
        solution, _ = cg(
            LinearOperator(size, product, dtype=np.float64), right.ravel(), start.ravel(), rtol=1e-3, maxiter=60,
            M=LinearOperator(size, approximate_inverse, dtype=np.float64),
        )  # fmt: skip
        return np.asarray(self.carry @ solution.reshape(count, 3))


def fit_consensus(
    body: Body, evidence: Evidence, state: ClipState, stage: ConsensusStage, progress: Progress | None = None
) -> ClipState:
    """Return the state with new offsets; poses and betas stay."""
    with torch.no_grad():
        state = replace(state, offsets=torch.zeros_like(body.template) if state.offsets is None else state.offsets)
        solver = ConsensusSolver(body, stage, state.betas, len(state.transl))
        template = shaped(body, state.betas)
        steps = stage.matchings * stage.reweightings
        for i in range(stage.matchings):
            constraints = unpose_outlines(body, evidence, state, stage.gate_m, stage.rim)
            base = plane_distance(template[constraints.vertices], constraints.planes, constraints.shift)
            for j in range(stage.reweightings):
                step = i * stage.reweightings + j
                kernel = GemanMcClure(value_at(stage.outline_kernel, step / max(steps - 1, 1)))
                assert state.offsets is not None
                along = (constraints.planes * state.offsets[constraints.vertices]).sum(-1)
                squared = ((base + along) / stage.outline_sigma_m).square()
                weight = constraints.trust * kernel.weight(squared)
                offsets = solver.solve(constraints, weight, base, state.offsets.double().cpu().numpy())
                state = replace(state, offsets=torch.from_numpy(offsets).to(template))
                if progress:
                    progress(step + 1, steps)
    return state


def _squared(operator: csr_matrix, weights: FloatArray) -> csr_matrix:
    return (operator.T @ diags(weights) @ operator).tocsr()
