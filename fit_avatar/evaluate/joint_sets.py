"""Sets of joints by their names, in the orders of the data sets that define them.

One name means one place wherever it occurs: ``thorax`` is the middle between the shoulders (LSP's and MPI-INF-3DHP's
neck), ``mid_hip`` the middle between the hips (Human3.6M's pelvis), ``jaw`` Human3.6M's "neck/nose" and MPI-INF-3DHP's
head, ``head_top`` the top of the head. ``pelvis`` and ``neck`` are SMPL's own joints.
"""

from __future__ import annotations

from dataclasses import dataclass

from fit_avatar.body.model import SMPL_JOINTS

HIPS = ("left_hip", "right_hip")


def _leg(side: str) -> tuple[str, ...]:
    return f"{side}_hip", f"{side}_knee", f"{side}_ankle"


def _arm(side: str) -> tuple[str, ...]:
    return f"{side}_shoulder", f"{side}_elbow", f"{side}_wrist"


@dataclass(frozen=True)
class JointSet:
    """Joints that are compared."""

    name: str
    joints: tuple[str, ...]
    root: tuple[str, ...]
    """The joints whose mean is put in its true place before positions are compared."""
    source: str
    """Where the set is defined."""


SMPL_24 = JointSet("smpl-24", SMPL_JOINTS, ("pelvis",), "SMPL's joints, as 3DPW's jointPositions have them")
LSP_14 = JointSet(
    "lsp-14",
    (*_leg("right")[::-1], *_leg("left"), *_arm("right")[::-1], *_arm("left"), "thorax", "head_top"),
    HIPS,
    "the 14 joints of LSP (Johnson and Everingham 2010) on which HMR, SPIN and VIBE are measured",
)
H36M_17 = JointSet(
    "h36m-17",
    ("mid_hip", *_leg("right"), *_leg("left"), "spine", "thorax", "jaw", "head_top", *_arm("left"), *_arm("right")),
    ("mid_hip",),
    "the 17 of Human3.6M's 32 joints that move (Ionescu et al. 2014)",
)
HUMANEVA_15 = JointSet(
    "humaneva-15",
    ("mid_hip", "thorax", *_arm("left"), *_arm("right"), *_leg("left"), *_leg("right"), "head_top"),
    ("mid_hip",),
    "the 15 joints of HumanEva's own error measure (Sigal et al. 2010)",
)
MPI_INF_17 = JointSet(
    "mpi-inf-17",
    ("head_top", "thorax", *_arm("right"), *_arm("left"), *_leg("right"), *_leg("left"), "mid_hip", "spine", "jaw"),
    ("mid_hip",),
    "the 17 relevant joints of MPI-INF-3DHP, in the order of its test set (Mehta et al. 2017)",
)

SETS = {each.name: each for each in (SMPL_24, LSP_14, H36M_17, HUMANEVA_15, MPI_INF_17)}
"""All sets by their names."""
