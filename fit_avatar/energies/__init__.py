"""Energy terms: pure functions from the posed body and data to unweighted, unreduced residuals."""

from fit_avatar.body.part_multipliers import (
    ALLDIECK_LAPLACIAN,
    ALLDIECK_OFFSETS,
    ALLDIECK_SYMMETRY,
    CONSENSUS_LAPLACIAN,
    CONSENSUS_OFFSETS,
    PartMultipliers,
)
from fit_avatar.energies.anchor import place_anchor, place_change, pose_anchor, pose_change, view_anchor
from fit_avatar.energies.blocks import Blocks
from fit_avatar.energies.collision import Capsules, fit_capsules, self_penetration
from fit_avatar.energies.cone import Planes, Rays, cone_planes, cone_rays
from fit_avatar.energies.contact import (
    estimate_contact,
    feet_on_ground,
    fit_ground,
    foot_contact,
    ground_plane,
)
from fit_avatar.energies.directions import limb_direction
from fit_avatar.energies.face import face_rays, face_reprojection
from fit_avatar.energies.hands import hand_reprojection, relaxed_fingers
from fit_avatar.energies.hands_within import distance_beyond, hands_within
from fit_avatar.energies.head import HeadPose, find_head_pose, head_turn
from fit_avatar.energies.image import contour_distance, keypoint_reprojection
from fit_avatar.energies.kernel import Annealed, GemanMcClure, Huber
from fit_avatar.energies.landmarks import (
    face_landmark_rays,
    joint_positions,
    landmark_reprojection,
    surface_reprojection,
)
from fit_avatar.energies.limits import bending_prior, joint_limits
from fit_avatar.energies.motion import (
    joint_acceleration,
    joint_velocity,
    rotation_acceleration,
    rotation_velocity,
    translation_acceleration,
    translation_velocity,
)
from fit_avatar.energies.parts import SEGMENTS, part_segmentation, parts_of_vertices
from fit_avatar.energies.people import Obstacles, Overlaps, depth_order, people_apart
from fit_avatar.energies.points import PosedPoints
from fit_avatar.energies.pose import mean_pose_prior, pose_deviation
from fit_avatar.energies.posed_body import PosedBody
from fit_avatar.energies.priors import gaussian_pose_prior, gaussian_prior, mixture_pose_prior, mixture_prior
from fit_avatar.energies.shape import (
    body_height,
    expression_prior,
    keypoint_bias_prior,
    shape_prior,
    surface_shift_prior,
)
from fit_avatar.energies.silhouette import (
    DistanceField,
    distance_field,
    silhouette_distance,
    silhouette_overlap,
    soft_masks,
)
from fit_avatar.energies.steps import feet_on_floor, straight_steps
from fit_avatar.energies.surface import (
    edge_length,
    laplacian,
    normal_consistency,
    offset_prior,
    sliding_prior,
    symmetry,
)
from fit_avatar.energies.term import Energy, Term, energy
from fit_avatar.energies.turning_along import still_legs

__all__ = [
    "ALLDIECK_LAPLACIAN",
    "ALLDIECK_OFFSETS",
    "ALLDIECK_SYMMETRY",
    "CONSENSUS_LAPLACIAN",
    "CONSENSUS_OFFSETS",
    "SEGMENTS",
    "Annealed",
    "Blocks",
    "Capsules",
    "DistanceField",
    "Energy",
    "GemanMcClure",
    "HeadPose",
    "Huber",
    "Obstacles",
    "Overlaps",
    "PartMultipliers",
    "Planes",
    "PosedBody",
    "PosedPoints",
    "Rays",
    "Term",
    "bending_prior",
    "body_height",
    "cone_planes",
    "cone_rays",
    "contour_distance",
    "depth_order",
    "distance_beyond",
    "distance_field",
    "edge_length",
    "energy",
    "estimate_contact",
    "expression_prior",
    "face_landmark_rays",
    "face_rays",
    "face_reprojection",
    "feet_on_floor",
    "feet_on_ground",
    "find_head_pose",
    "fit_capsules",
    "fit_ground",
    "foot_contact",
    "gaussian_pose_prior",
    "gaussian_prior",
    "ground_plane",
    "hand_reprojection",
    "hands_within",
    "head_turn",
    "joint_acceleration",
    "joint_limits",
    "joint_positions",
    "joint_velocity",
    "keypoint_bias_prior",
    "keypoint_reprojection",
    "landmark_reprojection",
    "laplacian",
    "limb_direction",
    "mean_pose_prior",
    "mixture_pose_prior",
    "mixture_prior",
    "normal_consistency",
    "offset_prior",
    "part_segmentation",
    "parts_of_vertices",
    "people_apart",
    "place_anchor",
    "place_change",
    "pose_anchor",
    "pose_change",
    "pose_deviation",
    "relaxed_fingers",
    "rotation_acceleration",
    "rotation_velocity",
    "self_penetration",
    "shape_prior",
    "silhouette_distance",
    "silhouette_overlap",
    "sliding_prior",
    "soft_masks",
    "still_legs",
    "straight_steps",
    "surface_reprojection",
    "surface_shift_prior",
    "symmetry",
    "translation_acceleration",
    "translation_velocity",
    "view_anchor",
]
