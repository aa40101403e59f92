"""Energy terms: pure functions from state and data to unweighted, unreduced residuals."""

from fit_avatar.energies.image import contour_distance, keypoint_reprojection
from fit_avatar.energies.kernel import GemanMcClure
from fit_avatar.energies.pose import pose_deviation, rotation_acceleration, translation_acceleration
from fit_avatar.energies.shape import laplacian, offset_prior, plane_distance, shape_prior, stature, symmetry

__all__ = [
    "GemanMcClure",
    "contour_distance",
    "keypoint_reprojection",
    "laplacian",
    "offset_prior",
    "plane_distance",
    "pose_deviation",
    "rotation_acceleration",
    "shape_prior",
    "stature",
    "symmetry",
    "translation_acceleration",
]
