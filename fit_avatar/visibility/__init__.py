"""Which parts of the body each frame shows: a rasteriser, and the confidence of every point of the surface."""

from fit_avatar.visibility.frame_views import FrameViews
from fit_avatar.visibility.raster import Raster, rasterize, rasterize_uv, rasterize_window, silhouette, visible_faces
from fit_avatar.visibility.views import (
    VISIBILITY,
    View,
    ViewedPoints,
    VisibilityConfig,
    compute_view,
    sample_quality,
    view_from_raster,
    viewing_cosine,
)

__all__ = [
    "VISIBILITY",
    "FrameViews",
    "Raster",
    "View",
    "ViewedPoints",
    "VisibilityConfig",
    "compute_view",
    "rasterize",
    "rasterize_uv",
    "rasterize_window",
    "sample_quality",
    "silhouette",
    "view_from_raster",
    "viewing_cosine",
    "visible_faces",
]
