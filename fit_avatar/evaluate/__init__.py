"""Metrics of a reconstruction against ground truth: surfaces, joints, silhouettes and pictures."""

from fit_avatar.evaluate.align import Similarity, align_surfaces
from fit_avatar.evaluate.clip import ClipDistance, Mesh, compare_clip, pooled
from fit_avatar.evaluate.image import iou, psnr, ssim
from fit_avatar.evaluate.joints import align_similarity, mpjpe, pa_mpjpe
from fit_avatar.evaluate.outer import outer_faces
from fit_avatar.evaluate.repose import repose_onto
from fit_avatar.evaluate.surface import Surface, SurfaceDistance, sample_surface, surface_distance

__all__ = [
    "ClipDistance",
    "Mesh",
    "Similarity",
    "Surface",
    "SurfaceDistance",
    "align_similarity",
    "align_surfaces",
    "compare_clip",
    "iou",
    "mpjpe",
    "outer_faces",
    "pa_mpjpe",
    "pooled",
    "psnr",
    "repose_onto",
    "sample_surface",
    "ssim",
    "surface_distance",
]
