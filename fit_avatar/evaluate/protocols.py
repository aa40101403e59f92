"""Protocols by their names: which joints, which frames and which cameras a published figure is about."""

from __future__ import annotations

from dataclasses import dataclass

from fit_avatar.errors import BadInputError
from fit_avatar.evaluate.joint_sets import H36M_17, HUMANEVA_15, LSP_14, MPI_INF_17, SMPL_24, JointSet

FRONTAL_CAMERA = "60457274"
"""Human3.6M's camera that protocol 2 is about (HMR's and SPIN's evaluation)."""


@dataclass(frozen=True)
class Protocol:
    """What is compared."""

    name: str
    joints: JointSet
    about: str
    every: int = 1
    """Only every so many frames of the truth count, from its first on; accelerations take all."""
    camera: str = ""
    """Only this camera counts; empty if all do."""
    pck_joints: tuple[str, ...] = ()
    """The joints of PCK and AUC; empty if all are."""
    universal: bool = False
    """The truth is MPI-INF-3DHP's skeleton of universal size, not the person's own."""


PROTOCOLS = {
    each.name: each
    for each in (
        Protocol("3dpw", SMPL_24, "3DPW's 24 joints, frames with a valid camera (3DPW challenge 2020)"),
        Protocol("3dpw-14", LSP_14, "3DPW's surface, 14 joints by a regressor (SPIN, VIBE, TCMR)"),
        Protocol("h36m-17", H36M_17, "Human3.6M's 17 joints, all frames"),
        Protocol("h36m-p1", LSP_14, "Human3.6M, protocol 1 of HMR: 14 joints, every fifth frame, all cameras", 5),
        Protocol(
            "h36m-p2", LSP_14, "Human3.6M, protocol 2 of HMR: as 1, the frontal camera alone; its figure is PA-MPJPE",
            5, FRONTAL_CAMERA,
        ),
        Protocol("humaneva", HUMANEVA_15, "HumanEva-I's 15 joints; the figure is PA-MPJPE"),
        Protocol(
            "mpi-inf-3dhp", MPI_INF_17, "MPI-INF-3DHP's 17 joints at the person's own size; PCK@150 and AUC over 14",
            pck_joints=MPI_INF_17.joints[:14],
        ),
        Protocol(
            "mpi-inf-3dhp-universal", MPI_INF_17, "the same at the universal size, as in Mehta et al. 2017",
            pck_joints=MPI_INF_17.joints[:14], universal=True,
        ),
        Protocol("smpl-24", SMPL_24, "SMPL's 24 joints, all frames (AMASS, UP-3D, People-Snapshot)"),
    )
}  # fmt: skip
"""All protocols by their names."""


def protocol(name: str) -> Protocol:
    """Return a protocol by its name.

    Raises:
        BadInputError: there is none of this name.
    """
    if name not in PROTOCOLS:
        raise BadInputError(f"there is no protocol {name}: choose one of {', '.join(PROTOCOLS)}")
    return PROTOCOLS[name]
