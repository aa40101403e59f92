"""How good a reconstruction is: surfaces, joints, silhouettes and pictures against the truth."""

from fit_avatar.evaluate.image import iou, psnr, ssim
from fit_avatar.evaluate.joints import align_similarity, mpjpe, pa_mpjpe
from fit_avatar.evaluate.surface import SurfaceDistance, sample_surface, surface_distance

__all__ = [
    "SurfaceDistance",
    "align_similarity",
    "iou",
    "mpjpe",
    "pa_mpjpe",
    "psnr",
    "sample_surface",
    "ssim",
    "surface_distance",
]
