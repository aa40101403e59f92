"""Metrics of a reconstruction against ground truth: surfaces, joints, silhouettes, pictures, and motions."""

from fit_avatar.evaluate.align import Similarity, align_surfaces
from fit_avatar.evaluate.clip import ClipDistance, Mesh, compare_clip, pooled
from fit_avatar.evaluate.image import iou, psnr, ssim
from fit_avatar.evaluate.joint_sets import SETS, JointSet
from fit_avatar.evaluate.joints import align_similarity, mpjpe, pa_mpjpe
from fit_avatar.evaluate.measures import (
    accelerations,
    align_clip,
    aligned_errors,
    auc,
    joint_errors,
    pck,
)
from fit_avatar.evaluate.outer import outer_faces
from fit_avatar.evaluate.protocols import PROTOCOLS, Protocol, protocol
from fit_avatar.evaluate.regions import RegionErrors, TruePlaces, compare_regions
from fit_avatar.evaluate.repose import repose_onto
from fit_avatar.evaluate.score import evaluate_motion
from fit_avatar.evaluate.scores import Scores
from fit_avatar.evaluate.surface import Surface, SurfaceDistance, sample_surface, surface_distance
from fit_avatar.evaluate.truths import Choice, Truth, read_truth

__all__ = [
    "PROTOCOLS",
    "SETS",
    "Choice",
    "ClipDistance",
    "JointSet",
    "Mesh",
    "Protocol",
    "RegionErrors",
    "Scores",
    "Similarity",
    "Surface",
    "SurfaceDistance",
    "TruePlaces",
    "Truth",
    "accelerations",
    "align_clip",
    "align_similarity",
    "align_surfaces",
    "aligned_errors",
    "auc",
    "compare_clip",
    "compare_regions",
    "evaluate_motion",
    "iou",
    "joint_errors",
    "mpjpe",
    "outer_faces",
    "pa_mpjpe",
    "pck",
    "pooled",
    "protocol",
    "psnr",
    "read_truth",
    "repose_onto",
    "sample_surface",
    "ssim",
    "surface_distance",
]
