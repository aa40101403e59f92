"""Points of the surface found again in the pictures, by optical flow from the mean texture."""

from fit_avatar.correspondence.matches import SurfaceMatches
from fit_avatar.correspondence.optical_flow import OPTICAL_FLOW, OpticalFlowConfig, residual_flow
from fit_avatar.correspondence.tracker import SURFACE_TRACKER, SurfaceTracker, SurfaceTrackerConfig

__all__ = [
    "OPTICAL_FLOW",
    "SURFACE_TRACKER",
    "OpticalFlowConfig",
    "SurfaceMatches",
    "SurfaceTracker",
    "SurfaceTrackerConfig",
    "residual_flow",
]
