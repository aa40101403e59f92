"""Terms on how likely a pose is: Gaussian and mixture priors on axis-angles."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fit_avatar.body import rotation
from fit_avatar.body.model import Body
from fit_avatar.body.pose_prior import recorded_poses
from fit_avatar.body.poses import a_pose
from fit_avatar.energies.blocks import Blocks, block_diagonal
from fit_avatar.energies.pose import joint_looseness
from fit_avatar.energies.posed_body import PosedBody
from fit_avatar.energies.term import energy
from fit_avatar.errors import BadInputError

BODY_JOINTS = 21
"""Joints below the root that all bodies of the SMPL family begin with, hands not counted."""
POSE_SIGMA_RAD = 0.3
"""Standard deviation of an angle around the A-pose by default, times the joint's looseness."""

FloatArray = NDArray[np.floating[Any]]


def _gaussian_jacobian(x: PosedBody, mean: Tensor | None = None, precision_factor: Tensor | None = None) -> Blocks:
    return _blocks(x, _around_a_pose(x.body)[1] if precision_factor is None else precision_factor)


@energy(jacobian=_gaussian_jacobian, mean="D", precision_factor="D D")
def gaussian_pose_prior(x: PosedBody, mean: Tensor | None = None, precision_factor: Tensor | None = None) -> Tensor:
    """How many standard deviations the pose is from a mean, in independent directions: Lᵀ (θ − μ). [..., T, D]

    θ are the axis-angles of the joints below the root; D is 3 (J − 1), or 63 for the body without its hands.

    Args:
        x: the posed body.
        mean: μ, by default a relaxed A-pose. [D] radians
        precision_factor: L with L Lᵀ = Σ⁻¹, see :func:`gaussian_prior`; by default independent angles with a standard
            deviation of :data:`POSE_SIGMA_RAD` times their joint's looseness. [D, D] per radian
    """
    mean = _around_a_pose(x.body)[0] if mean is None else mean
    factor = _around_a_pose(x.body)[1] if precision_factor is None else precision_factor
    return (_pose(x, mean.shape[-1]) - mean) @ factor


@lru_cache(maxsize=4)
def _around_a_pose(body: Body) -> tuple[Tensor, Tensor]:
    """Return mean [D] and precision factor [D, D] of a Gaussian around a relaxed A-pose."""
    sigma = POSE_SIGMA_RAD * joint_looseness(body).expand(-1, 3).flatten()
    return rotation.log(a_pose(body)).flatten(), torch.diag(1 / sigma)


Mixture = tuple[Tensor, Tensor, Tensor]
"""Means, precision factors and logarithms of the peaks of M components."""


def _mixture_jacobian(
    x: PosedBody,
    means: Tensor | None = None,
    precision_factors: Tensor | None = None,
    log_weights: Tensor | None = None,
) -> Blocks:
    means, factors, log_weights = _mixture(x, means, precision_factors, log_weights)
    chosen = _likeliest(_whitened(x, means, factors), log_weights)
    slopes = _blocks(x, factors[chosen]).frames["body_pose"]
    return Blocks({"body_pose": torch.nn.functional.pad(slopes, (0, 0, 0, 1))})


@energy(jacobian=_mixture_jacobian, means="M D", precision_factors="M D D", log_weights="M")
def mixture_pose_prior(
    x: PosedBody,
    means: Tensor | None = None,
    precision_factors: Tensor | None = None,
    log_weights: Tensor | None = None,
) -> Tensor:
    """The pose under the likeliest component of a mixture of Gaussians; by default that of recorded motion.

    The sum of squares is −2 log of the largest component's density, up to a constant of the whole mixture, and has no
    step where the likeliest component changes.

    Args:
        x: the posed body.
        means: of M components, by default those of :func:`~fit_avatar.body.pose_prior.recorded_poses`; then nothing
            else may be given. [M, D] radians; D as for :func:`gaussian_pose_prior`
        precision_factors: [M, D, D] per radian.
        log_weights: logarithm of each component's peak against the highest peak, not above 0. [M]; see
            :func:`mixture_prior`

    Returns:
        The component's Lᵀ (θ − μ), and the root of its constant. [..., T, D + 1]

    Source: Bogo et al. 2016 (SMPLify), section 3.2.
    """
    means, factors, log_weights = _mixture(x, means, precision_factors, log_weights)
    whitened = _whitened(x, means, factors)
    chosen = _likeliest(whitened, log_weights)
    picked = whitened.gather(-2, chosen[..., None, None].expand(*chosen.shape, 1, whitened.shape[-1]))[..., 0, :]
    constant = (-2 * log_weights).clamp_min(0).sqrt()[chosen]
    return torch.cat([picked, constant[..., None]], -1)


def _mixture(x: PosedBody, means: Tensor | None, factors: Tensor | None, log_weights: Tensor | None) -> Mixture:
    """Return the mixture that is given, or the one of recorded motion if none is."""
    if means is None and factors is None and log_weights is None:
        return _recorded(x.rotations.dtype, x.rotations.device)
    if means is None or factors is None or log_weights is None:
        raise BadInputError(
            "mixture_pose_prior takes means, precision_factors and log_weights together: give all three"
        )
    return means, factors, log_weights


@lru_cache(maxsize=4)
def _recorded(dtype: torch.dtype, device: torch.device) -> Mixture:
    prior = recorded_poses()
    data = mixture_prior(prior.means, prior.covariances(), prior.weights)
    means, factors, log_weights = (
        data[name].to(device, dtype) for name in ("means", "precision_factors", "log_weights")
    )
    return means, factors, log_weights


def gaussian_prior(mean: FloatArray, covariance: FloatArray) -> Mapping[str, Tensor]:
    """Return the data fields of :func:`gaussian_pose_prior`. mean [D] radians, covariance [D, D]

    Raises:
        BadInputError: the covariance is not positive definite.
    """
    return {"mean": _float(mean), "precision_factor": _float(_precision_factor(covariance))}


def mixture_prior(means: FloatArray, covariances: FloatArray, weights: FloatArray) -> Mapping[str, Tensor]:
    """Return the data fields of :func:`mixture_pose_prior`. means [M, D] radians, covariances [M, D, D], weights [M]

    Raises:
        BadInputError: a covariance is not positive definite, or a weight is not positive.
    """
    if not (np.asarray(weights) > 0).all():
        raise BadInputError("every component of a mixture must have a positive weight")
    factors = np.stack([_precision_factor(one) for one in covariances])
    # The peak of a component is proportional to w |Σ|^(−1/2) = w Π diag(L).
    peaks = np.log(weights) + np.log(np.diagonal(factors, axis1=1, axis2=2)).sum(1)
    return {
        "means": _float(means),
        "precision_factors": _float(factors),
        "log_weights": _float(peaks - peaks.max()),
    }


def _precision_factor(covariance: FloatArray) -> NDArray[np.float64]:
    """Return L, lower triangular, with L Lᵀ = Σ⁻¹."""
    try:
        inverse = np.linalg.inv(np.asarray(covariance, np.float64))
        return np.asarray(np.linalg.cholesky((inverse + inverse.T) / 2))
    except np.linalg.LinAlgError as error:
        raise BadInputError(
            "the covariance of a pose prior is not positive definite: add a small multiple of the identity to it"
        ) from error


def _float(array: FloatArray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, np.float32))


def _pose(x: PosedBody, count: int) -> Tensor:
    """Return the axis-angles that a prior of ``count`` numbers is about. [..., T, count]"""
    pose = x.body_pose.flatten(-2)
    if count not in (pose.shape[-1], 3 * BODY_JOINTS):
        raise BadInputError(
            f"the pose prior has {count} numbers; the body {x.body.name} has {pose.shape[-1]}, "
            f"of which {3 * BODY_JOINTS} belong to the body without its hands"
        )
    return pose[..., :count]


def _whitened(x: PosedBody, means: Tensor, factors: Tensor) -> Tensor:
    """Return Lᵀ (θ − μ) for every component. [..., T, M, D]"""
    difference = _pose(x, means.shape[-1])[..., None, :] - means
    return (difference[..., None, :] @ factors)[..., 0, :]


def _likeliest(whitened: Tensor, log_weights: Tensor) -> Tensor:
    """Return the component of the largest density. [..., T]"""
    return (whitened.detach().square().sum(-1) / 2 - log_weights).argmin(-1)


def _blocks(x: PosedBody, factor: Tensor) -> Blocks:
    """Return Lᵀ ∂θ. factor [..., D, D]"""
    turned = block_diagonal(rotation.right_jacobian_inverse(x.body_pose))  # [..., T, 3 (J−1), 3 (J−1)]
    return Blocks({"body_pose": factor.transpose(-1, -2) @ turned[..., : factor.shape[-1], :]})
