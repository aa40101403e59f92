"""Outlines of masks, the viewing cone that they span, and their match to the surface."""

from fit_avatar.silhouettes.around_head import (
    BRIM,
    LONG_HAIR,
    BrimConfig,
    LongHairConfig,
    has_brim,
    has_hair_beside_neck,
    hat_points,
)
from fit_avatar.silhouettes.contours import CONTOURS, ContourConfig, Contours, away_from, extract_contours
from fit_avatar.silhouettes.crossing import CROSSING, CrossingConfig, crosses_outline
from fit_avatar.silhouettes.matching import CONTOUR_MATCHING, ContourMatches, ContourMatchingConfig, match_contours
from fit_avatar.silhouettes.rays import plane_distance, tangent_planes

__all__ = [
    "BRIM",
    "CONTOURS",
    "CONTOUR_MATCHING",
    "CROSSING",
    "LONG_HAIR",
    "BrimConfig",
    "ContourConfig",
    "ContourMatches",
    "ContourMatchingConfig",
    "Contours",
    "CrossingConfig",
    "LongHairConfig",
    "away_from",
    "crosses_outline",
    "extract_contours",
    "has_brim",
    "has_hair_beside_neck",
    "hat_points",
    "match_contours",
    "plane_distance",
    "tangent_planes",
]
