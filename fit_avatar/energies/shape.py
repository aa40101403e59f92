"""Terms on the shape alone. Betas in standard deviations, the height and biases in metres."""

from __future__ import annotations

from torch import Tensor

from fit_avatar.body.constants import numbers
from fit_avatar.body.skinning import shaped
from fit_avatar.energies.blocks import Blocks, identity_block
from fit_avatar.energies.posed_body import PosedBody
from fit_avatar.energies.term import energy

BONE_M = 0.2
"""Length of a usual bone."""


def _betas_jacobian(x: PosedBody) -> Blocks:
    return Blocks(shared={"betas": identity_block(x.betas)})


@energy(jacobian=_betas_jacobian)
def shape_prior(x: PosedBody) -> Tensor:
    """Betas are standard normal by construction. [..., 1, B]"""
    return x.betas


def _expression_jacobian(x: PosedBody) -> Blocks:
    return Blocks({"expression": identity_block(x.expression)} if x.has("expression") else {})


@energy(jacobian=_expression_jacobian)
def expression_prior(x: PosedBody) -> Tensor:
    """Faces are mostly at rest. [..., T, E] standard deviations; zero [..., T, 1] for a body without expression."""
    return x.expression if x.has("expression") else x.transl.new_zeros(*x.transl.shape[:-1], 1)


def _height_jacobian(x: PosedBody, height_m: float) -> Blocks:
    heights = _skin_heights(x)
    basis = x.body.shape_basis[x.body.skin_index, 1]  # [N, B (+ E)]
    slope = (basis[heights.argmax(-1)] - basis[heights.argmin(-1)]).unsqueeze(-2)
    return Blocks(shared={"betas": slope[..., : x.betas.shape[-1]]})


@energy(observes=("height_m",), jacobian=_height_jacobian)
def body_height(x: PosedBody, height_m: float) -> Tensor:
    """Naked height of the body in its bind pose, in which it stands, minus the person's. [..., 1] metres"""
    heights = _skin_heights(x)
    return heights.amax(-1) - heights.amin(-1) - height_m


def _skin_heights(x: PosedBody) -> Tensor:
    """Return the heights of the skin's vertices in the bind pose; expressions do not change a height. [..., 1, N]"""
    return shaped(x.body, x.betas)[..., x.body.skin_index, 1]


def _shift_jacobian(x: PosedBody) -> Blocks:
    scale = _bone(x.surface_shift).repeat(x.surface_shift.shape[-2])
    return Blocks(shared={"surface_shift": identity_block(x.surface_shift.flatten(-2)) * scale})


@energy(jacobian=_shift_jacobian)
def surface_shift_prior(x: PosedBody) -> Tensor:
    """The surface hardly moves against its bones in one solve. [..., 1, J, 6] metres, turns at the end of a bone"""
    return x.surface_shift * _bone(x.surface_shift)


def _bone(shift: Tensor) -> Tensor:
    """Return what makes shifts and turns of a bone's surface alike. [6]"""
    return numbers((1.0, 1.0, 1.0, BONE_M, BONE_M, BONE_M), shift)


def _bias_jacobian(
    x: PosedBody,
    in_noise: bool = False,
    nearer: float | None = None,
    keypoint_noise_m: Tensor | float = 0.03,
    keypoint_offsets: Tensor | None = None,
) -> Blocks:
    identity = identity_block(x.keypoint_bias.flatten(-2))
    if nearer is not None and keypoint_offsets is not None:
        identity = identity * _nearness(keypoint_offsets, nearer).expand(-1, 3).flatten()
    return Blocks(shared={"keypoint_bias": identity / _of_points(keypoint_noise_m) if in_noise else identity})


@energy(observes=("keypoint_noise_m", "keypoint_offsets"), jacobian=_bias_jacobian)
def keypoint_bias_prior(
    x: PosedBody,
    in_noise: bool = False,
    nearer: float | None = None,
    keypoint_noise_m: Tensor | float = 0.03,
    keypoint_offsets: Tensor | None = None,
) -> Tensor:
    """The detector's idea of a keypoint is near the body's, or the usual one, and differs the same way in all frames.

    Args:
        x: the posed body.
        in_noise: whether in units of the detector's noise, not metres.
        nearer: where it is known where the detector usually sees keypoints, they are near there, and so many times
            nearer than to the body's; None: near the body's anyway.
        keypoint_noise_m: the detector's noise.
        keypoint_offsets: where the detector usually sees them, from the body's, in the bind pose; zeros where that is
            not known. [K, 3] metres

    Returns:
        [..., 1, K, 3]
    """
    strayed = x.keypoint_bias
    if nearer is not None and keypoint_offsets is not None:
        strayed = (strayed - keypoint_offsets) * _nearness(keypoint_offsets, nearer)
    return strayed / _of_points(keypoint_noise_m) if in_noise else strayed


def _nearness(offsets: Tensor, nearer: float) -> Tensor:
    """Return how many times nearer keypoints are to where they usually are, by their offsets [K, 3]. [K, 1]"""
    return numbers((1.0, nearer), offsets)[(offsets != 0).any(-1, keepdim=True).long()]


def _of_points(noise: Tensor | float) -> Tensor | float:
    """Return the noise of each clip [..., 1] so that it divides points. [..., 1, 1, 1]; one number stays as it is"""
    return noise[..., None, None] if isinstance(noise, Tensor) and noise.dim() else noise
