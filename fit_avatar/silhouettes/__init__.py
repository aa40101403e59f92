"""Outlines of masks, the viewing cone that they span, and their match to the surface."""

from fit_avatar.silhouettes.contours import Contours, extract_contours
from fit_avatar.silhouettes.matching import Matches, match_contours
from fit_avatar.silhouettes.rays import plane_distance, tangent_planes

__all__ = [
    "Contours",
    "Matches",
    "extract_contours",
    "match_contours",
    "plane_distance",
    "tangent_planes",
]
