"""A fit against the truth: surfaces, joints and silhouettes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation, Slerp

from fit_avatar.body import Body, BodyState, pose_body
from fit_avatar.body.keypoint_sets import BODY_25
from fit_avatar.body.skinning import pose_points
from fit_avatar.capture import Capture
from fit_avatar.capture.masks import GivenMasks
from fit_avatar.energies.steps import LEAST_STANDING
from fit_avatar.evaluate import (
    ClipDistance,
    Mesh,
    SurfaceDistance,
    TruePlaces,
    compare_clip,
    compare_regions,
    iou,
    mpjpe,
    outer_faces,
    pa_mpjpe,
    pooled,
    repose_onto,
    surface_distance,
)
from fit_avatar.visibility import silhouette
from lib.stepping import SOLES
from lib.true_clip import TrueClip

SAMPLES = 50_000
LEFT_OUT = 60
"""Frames that were not fitted and whose silhouettes are compared, at most."""
HEAD = [BODY_25.index(name) for name in ("nose", "left_ear", "right_ear")]
STANDS_M_S = 0.05
"""A true foot that is slower stands."""


@dataclass(frozen=True)
class Surfaces:
    """The surfaces of the frames whose truth is known, and their distances."""

    frames: NDArray[np.int64]  # [S] indices in the video
    vertices: NDArray[np.float64]  # [S, V, 3] of the fit
    joints: NDArray[np.float64]  # [S, J, 3]
    found: list[Mesh]
    true: list[Mesh]
    distance: ClipDistance
    faces: list[Mesh] | None = None
    """The true outer surface without clothes and hair, where that is known."""


def compare_surfaces(body: Body, state: BodyState, fitted: NDArray[np.int64], truth: TrueClip) -> Surfaces:
    """Compare outer surfaces in the frames whose truth is known. ``fitted`` are the fitted frames' indices. [T]"""
    frames = np.array(sorted(set(truth.surfaces) & set(fitted.tolist())), np.int64)
    if not len(frames):  # no true surface at a frame that was used: interpolate the poses
        frames = np.array([i for i in sorted(truth.surfaces) if fitted[0] <= i <= fitted[-1]], np.int64)
    posed = pose_body(body, interpolated(state, fitted, frames))
    vertices, joints = (v.cpu().double().numpy() for v in (posed.vertices, posed.joints))
    skin = skin_faces(body).cpu().numpy()
    found = [Mesh(v, skin).outer(truth.up) for v in vertices]
    whole = [truth.surfaces[i] for i in frames.tolist()]
    outer = [outer_faces(mesh.vertices, mesh.faces, truth.up) for mesh in whole]
    true = [Mesh(mesh.vertices, mesh.faces[seen]) for mesh, seen in zip(whole, outer, strict=True)]
    faces = None
    if truth.skin is not None:
        faces = [Mesh(mesh.vertices, mesh.faces[seen & truth.skin]) for mesh, seen in zip(whole, outer, strict=True)]
    return Surfaces(frames, vertices, joints, found, true, compare_clip(found, true, truth.up, SAMPLES), faces)


def measure(body: Body, state: BodyState, capture: Capture, truth: TrueClip, surfaces: Surfaces) -> dict[str, Any]:
    """Return the errors of a fit, in mm unless the name says otherwise."""
    fitted = capture.frame_indices
    numbers: dict[str, Any] = {
        "frames_scored": surfaces.frames.tolist(),
        "scale_error_percent": 100 * surfaces.distance.scale_error,
        "focal_error_percent": 100 * (capture.camera.fx / truth.camera.fx - 1),
    }
    for name in ("similarity", "height", "camera"):
        numbers[name] = distance_numbers(pooled(getattr(surfaces.distance, name)))
    numbers["shape"] = distance_numbers(pooled(shape_distances(body, surfaces)))
    numbers["regions"] = region_errors(surfaces, truth)

    ours, theirs = pose_body(body, state).joints.cpu().double().numpy()[:, :24], truth.joints[fitted]
    scale = np.median(theirs[..., 2].mean(1) / ours[..., 2].mean(1))
    numbers["mpjpe_camera_mm"] = 1000 * mpjpe(scale * ours, theirs)
    numbers["mpjpe_root_mm"] = 1000 * mpjpe(scale * ours, theirs, root=0)
    numbers["pa_mpjpe_mm"] = 1000 * pa_mpjpe(ours, theirs)

    numbers["slide_mm_s"] = slide(body, state, fitted, truth)
    numbers["nose_deg"] = nose_error(body, state, fitted, truth)

    numbers["iou"] = float(np.mean(overlaps(body, state, fitted, capture, truth)))
    left = np.setdiff1d(np.arange(fitted[0], fitted[-1]), fitted)
    left = left[:: max(1, len(left) // LEFT_OUT)]
    poses = interpolated(state, fitted, left) if len(left) else None
    numbers["iou_left_out"] = poses and float(np.mean(overlaps(body, poses, left, capture, truth)))
    return numbers


def slide(body: Body, state: BodyState, fitted: NDArray[np.int64], truth: TrueClip) -> float | None:
    """Return how fast feet move that stand in truth, in mm a second; None where hardly any stand.

    A foot is the middle of toes and heel, and stands while the true one moves by less than :data:`STANDS_M_S`.
    """
    ours = pose_points(body, state, body.keypoint_points)[:, SOLES].mean(2).cpu().double().numpy()
    theirs = truth.keypoints[fitted][:, SOLES].mean(2)
    seconds = (np.diff(fitted) / truth.fps)[:, None]
    found, true = (np.linalg.norm(np.diff(feet, axis=0), axis=-1) / seconds for feet in (ours, theirs))
    stands = true < STANDS_M_S
    return 1000 * float(found[stands].mean()) if stands.mean() > LEAST_STANDING else None


def nose_error(body: Body, state: BodyState, fitted: NDArray[np.int64], truth: TrueClip) -> float:
    """Return by how much the way from between the ears to the nose is turned wrongly, in degrees: mean of all frames.

    Coarser than the alignment of faces, since keypoints of two bodies differ, but a head whose face is at its back has
    no face to align.
    """
    points = pose_points(body, state, body.keypoint_points)[:, HEAD].cpu().double().numpy()
    ways = [each[:, 0] - each[:, 1:].mean(1) for each in (points, truth.keypoints[fitted][:, HEAD])]
    ours, theirs = (way / np.linalg.norm(way, axis=-1, keepdims=True) for way in ways)
    return float(np.degrees(np.arccos((ours * theirs).sum(-1).clip(-1, 1))).mean())


def shape_distances(body: Body, surfaces: Surfaces) -> list[SurfaceDistance]:
    """Return the distances after every bone has been moved rigidly to the best fit with the true surface."""
    weights, distances = body.lbs_weights.cpu().double().numpy(), []
    for t, motion in enumerate(surfaces.distance.motions):
        found, true = surfaces.found[t], surfaces.true[t]
        vertices, joints = motion(surfaces.vertices[t]), motion(surfaces.joints[t])
        moved = repose_onto(vertices, found.faces, weights, joints, body.parents, true.vertices, true.faces)
        distances.append(surface_distance(moved, found.faces, true.vertices, true.faces, SAMPLES))
    return distances


def region_errors(surfaces: Surfaces, truth: TrueClip) -> dict[str, float]:
    """Return the errors of head, face, hands, feet and the rest, in mm, and of the head's direction in degrees."""
    frames = surfaces.frames
    noses = truth.keypoints[frames, BODY_25.index("nose")]
    places = TruePlaces(truth.joints[frames], noses, surfaces.faces)
    return compare_regions(surfaces.found, surfaces.true, surfaces.distance, places, SAMPLES).numbers()


def interpolated(state: BodyState, fitted: NDArray[np.int64], wanted: NDArray[np.int64]) -> BodyState:
    """Return the poses of other frames, by spherical and linear interpolation; beyond the ends they are constant."""
    at = np.clip(wanted, fitted[0], fitted[-1]).astype(float)
    turns = torch.cat([state.global_orient[:, None], state.body_pose], 1).cpu().double().numpy()
    poses = np.stack(
        [Slerp(fitted, Rotation.from_rotvec(turns[:, j]))(at).as_rotvec() for j in range(turns.shape[1])], 1
    )
    places = np.stack([np.interp(at, fitted, state.transl[:, k].cpu().double().numpy()) for k in range(3)], 1)
    pose, place = (torch.tensor(v).to(state.transl) for v in (poses, places))
    return replace(state, global_orient=pose[:, 0], body_pose=pose[:, 1:], transl=place)


def overlaps(
    body: Body, state: BodyState, indices: NDArray[np.int64], capture: Capture, truth: TrueClip
) -> list[float]:
    """Return the silhouette's agreement with the true masks in frames whose poses are given."""
    faces, camera = skin_faces(body), truth.camera
    masks = GivenMasks(truth.folder / "masks", camera.width, camera.height, len(truth.joints))
    found = masks.read(indices.tolist())
    vertices = pose_body(body, state).vertices
    return [
        iou(silhouette(vertices[t], faces, capture.camera).cpu().numpy(), found[i])
        for t, i in enumerate(indices.tolist())
    ]


def skin_faces(body: Body) -> torch.Tensor:
    """Return the triangles of the outer skin. [F, 3]"""
    return body.faces[body.skin[body.faces].all(1)]


def distance_numbers(distance: SurfaceDistance) -> dict[str, float]:
    """Return mean and 95th percentile in mm, of both directions and of each."""
    values = {"to_truth": distance.forward, "from_truth": distance.backward}
    values["both"] = np.concatenate(list(values.values()))
    return {
        key: float(number)
        for name, v in values.items()
        for key, number in ((name, 1000 * v.mean()), (name + "_p95", 1000 * np.percentile(v, 95)))
    }
