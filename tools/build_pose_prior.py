"""Make the pose prior that comes with the package, ``fit_avatar/body/data/pose_prior.npz``, from recorded motion.

    python tools/build_pose_prior.py RECORDINGS

RECORDINGS is a folder of ASF/AMC files of the CMU Graphics Lab Motion Capture Database (mocap.cs.cmu.edu), whose terms
allow any use of what is learnt from them, but not to hand on the recordings themselves. The file holds a mixture of
Gaussians on the axis-angles of the 21 joints below the root that bodies of the SMPL family share, fitted by
expectation–maximisation (Dempster et al. 1977); each covariance is kept as its largest principal directions and what
remains of every angle's variance. Recordings that were not used for it say how many components and directions to keep
(``--hold-out``).
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import numpy as np
import tyro
from numpy.typing import NDArray
from scipy.special import logsumexp

from fit_avatar.body import load_body, rotation
from fit_avatar.body.pose_prior import FILE, PosePrior
from fit_avatar.body.poses import a_pose
from fit_avatar.energies.pose import joint_looseness
from fit_avatar.energies.priors import POSE_SIGMA_RAD
from fit_avatar.io.atomic import atomic_path, write_bytes

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
from lib.recordings import JOINTS, read_recording

FloatArray = NDArray[np.float64]


def mirrored(poses: FloatArray) -> FloatArray:
    """Return the poses of the mirror image. [T, 21, 3]"""
    swap = [JOINTS.index(j.replace("left", "?").replace("right", "left").replace("?", "right")) for j in JOINTS]
    return poses[:, swap] * [1.0, -1.0, -1.0]


def read_poses(files: list[Path]) -> FloatArray:
    """Return the poses of recordings and of their mirror images. [N, 63]"""
    poses = [read_recording(file).poses for file in files]
    both = np.concatenate([*poses, *map(mirrored, poses)])
    return both.reshape(len(both), -1)


def fit_mixture(
    poses: FloatArray, components: int, directions: int, floor_rad: float, rounds: int = 60, seed: int = 0
) -> PosePrior:
    """Fit a mixture of Gaussians by expectation–maximisation. poses [N, D]"""
    rng = np.random.default_rng(seed)
    means = poses[rng.choice(len(poses), components, replace=False)]
    for _ in range(20):  # k-means
        nearest = ((poses[:, None] - means) ** 2).sum(-1).argmin(1)
        means = np.stack([poses[nearest == k].mean(0) if (nearest == k).any() else means[k] for k in range(components)])
    share = np.eye(components)[nearest]
    for _ in range(rounds):
        weights = share.mean(0)
        means = (share.T @ poses) / share.sum(0)[:, None]
        kept = [_principal(poses - mean, own, directions, floor_rad) for mean, own in zip(means, share.T, strict=True)]
        prior = PosePrior(weights, means, np.stack([f for f, _ in kept]), np.stack([v for _, v in kept]))
        density = log_densities(prior, poses)
        share = np.exp(density - logsumexp(density, axis=1, keepdims=True))
    return prior


def with_a_pose(prior: PosePrior, weight: float) -> PosePrior:
    """Return the mixture with a component around a relaxed A-pose, in which people stand for pictures of themselves."""
    body = load_body()
    mean = rotation.log(a_pose(body)).flatten()[: prior.means.shape[1]].numpy()
    sigma = POSE_SIGMA_RAD * joint_looseness(body).expand(-1, 3).flatten()[: len(mean)].numpy()
    return PosePrior(
        np.append(prior.weights * (1 - weight), weight),
        np.vstack([prior.means, mean]),
        np.concatenate([prior.directions, np.zeros_like(prior.directions[:1])]),
        np.vstack([prior.rest, sigma**2]),
    )


def _principal(
    difference: FloatArray, share: FloatArray, directions: int, floor_rad: float
) -> tuple[FloatArray, FloatArray]:
    """Return the largest principal directions [D, R] of a covariance, and what remains of each variance [D]."""
    covariance = (difference * share[:, None]).T @ difference / share.sum()
    values, vectors = np.linalg.eigh(covariance)
    factor = vectors[:, -directions:] * np.sqrt(values[-directions:])
    return factor, np.maximum(np.diagonal(covariance) - (factor**2).sum(1), 0) + floor_rad**2


def log_densities(prior: PosePrior, poses: FloatArray) -> FloatArray:
    """Return the logarithm of each weighted component's density. [N, M]"""
    found = []
    for weight, mean, covariance in zip(prior.weights, prior.means, prior.covariances(), strict=True):
        factor = np.linalg.cholesky(covariance)
        white = np.linalg.solve(factor, (poses - mean).T)
        constant = np.log(weight) - np.log(np.diagonal(factor)).sum() - poses.shape[1] / 2 * np.log(2 * np.pi)
        found.append(constant - (white**2).sum(0) / 2)
    return np.stack(found, 1)


def main(
    recordings: tyro.conf.Positional[Path],
    out: Path = FILE,
    components: int = 8,
    directions: int = 10,
    floor_deg: float = 8.0,
    a_pose_weight: float = 0.25,
    hold_out: bool = False,
) -> None:
    """Build the prior.

    Args:
        recordings: folder of ASF and AMC files.
        out: the file to write.
        components: of the mixture.
        directions: principal directions of each component.
        floor_deg: standard deviation that every angle has at least, since three people are not everybody.
        a_pose_weight: of a further component around a relaxed A-pose, which recordings of motion lack.
        hold_out: write nothing, but print how likely every third recording is under mixtures of the others.
    """
    files = sorted(recordings.glob("*.amc"))
    if hold_out:
        used, others = read_poses([f for i, f in enumerate(files) if i % 3]), read_poses(files[::3])
        for count in (1, 2, 4, 8, 12):
            for rank in (5, 10, 20):
                prior = fit_mixture(used, count, rank, np.radians(floor_deg))
                left = logsumexp(log_densities(prior, others), axis=1).mean()
                print(f"{count} components of {rank} directions: log density {left:.1f}")
        return
    poses = read_poses(files)
    prior = with_a_pose(fit_mixture(poses, components, directions, np.radians(floor_deg)), a_pose_weight)
    with atomic_path(out) as temporary:
        np.savez_compressed(temporary, **prior.arrays())
    checksum = hashlib.sha256(out.read_bytes()).hexdigest()
    write_bytes(out.with_name(f"{out.name}.sha256"), f"{checksum}  {out.name}\n".encode())
    print(f"{out}: {out.stat().st_size / 1e3:.1f} kB from {len(poses)} poses of {len(files)} recordings, {checksum}")


if __name__ == "__main__":
    tyro.cli(main)
