"""The score of a motion against a truth, by a protocol."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fit_avatar.body.garment import undressed
from fit_avatar.body.model import Body
from fit_avatar.body.motion import Motion
from fit_avatar.body.state import BodyState
from fit_avatar.errors import BadInputError
from fit_avatar.evaluate.measures import (
    accelerations,
    align_clip,
    aligned_errors,
    auc,
    joint_errors,
    pck,
    rooted,
)
from fit_avatar.evaluate.protocols import Protocol, protocol
from fit_avatar.evaluate.regressor import read_regressor
from fit_avatar.evaluate.scores import Scores
from fit_avatar.evaluate.truths.smpl_motion import CHUNK, posed
from fit_avatar.evaluate.truths.truth import Truth
from fit_avatar.evaluate.vertices import VertexScores, regions_of_body, vertex_scores

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Points = dict[str, FloatArray]

FEWEST_JOINTS = 6
"""With fewer than these in common nothing is compared: a similarity transform has seven unknowns. Chosen by hand."""
RATE_TOLERANCE = 0.05
"""Rates that differ by less than this fraction are the same: 29.97 and 30. Chosen by hand."""
BETWEEN = {"mid_hip": ("left_hip", "right_hip"), "thorax": ("left_shoulder", "right_shoulder")}
"""Joints of the sets that are taken as the middle of two of the body's joints."""
MM = 1e3


def evaluate_motion(
    body: Body,
    motion: Motion,
    truth: Truth,
    protocol_name: str = "",
    regressor: Path | None = None,
    offset: int = 0,
    step: int = 1,
) -> Scores:
    """Compare a motion with the truth, in the frames that both have.

    Args:
        body: the avatar's; a garment or hair that hangs is not compared.
        motion: its poses, with the numbers of their frames in the clip.
        truth: see :func:`fit_avatar.evaluate.read_truth`.
        protocol_name: one of :data:`fit_avatar.evaluate.PROTOCOLS`; by default the one that fits the truth's file.
        regressor: joints as weighted means of SMPL's vertices, for the sets of 14 and 17 joints. It is applied to the
            truth's surface, and to the avatar's if that has SMPL's vertices.
        offset: number of the truth's frame that the clip's frame 0 shows.
        step: how many frames the truth goes on from one frame of the clip to the next.

    Raises:
        BadInputError: there are no frames or too few joints in common, or the protocol needs what is not given.
    """
    rules = protocol(protocol_name or truth.protocol)
    _check(rules, truth, regressor)
    if step < 1:
        raise BadInputError(f"--step {step} is not a whole number from 1 on: give how many frames the truth goes on")
    ours, theirs = _common(motion.frame_indices * step + offset, truth, offset)
    first, truth = truth.frames[theirs[0]] if step > 1 else truth.frames[0], truth.rows(theirs)
    chosen = replace(motion, frame_indices=motion.frame_indices[ours], times_s=motion.times_s[ours])
    body, state = undressed(body), _rows(motion.state, ours)
    state = replace(state, offsets=state.offsets[: len(body.template)])
    found, exact = _avatar_points(body, state, regressor)
    true = _true_points(truth, regressor)
    names = tuple(name for name in rules.joints.joints if name in found and name in true)
    _check_joints(rules, names, true, truth)
    a, b = _stack(found, names), _stack(true, names)
    counted = (truth.frames - first) % (rules.every * step) == 0
    if not counted.any():
        raise BadInputError(
            f"the protocol {rules.name} is about every {rules.every}th frame of the truth, of which the avatar has "
            "none: fit all frames of the clip"
        )
    surface = _vertex_error(body, state, truth, counted)
    notes = (*truth.notes, *_rates(motion, truth, step), *_notes(rules, names, exact, body, true))
    return _measured(rules, truth, chosen, names, a, b, counted, surface, step, notes)


def _measured(
    rules: Protocol,
    truth: Truth,
    motion: Motion,
    names: tuple[str, ...],
    a: FloatArray,
    b: FloatArray,
    counted: NDArray[np.bool_],
    surface: VertexScores | str,
    step: int,
    notes: tuple[str, ...],
) -> Scores:
    """Return all measures. a, b [T, J, 3]: the avatar's joints and the true ones; surface: or why there is none."""
    root = [names.index(name) for name in rules.joints.root]
    if not truth.in_camera:
        a = align_clip(a, b)
    errors = joint_errors(a[counted], b[counted], root if truth.in_camera else None)
    similar = aligned_errors(a[counted], b[counted])
    among = [k for k, name in enumerate(names) if name in (rules.pck_joints or names)]
    rate = truth.fps / step if truth.fps else _rate(motion)
    following = _following(truth.frames, step)
    ours, theirs = (accelerations(rooted(x, root))[following] for x in (a, b))
    some = bool(following.any())

    def mean(acceleration: FloatArray) -> float | None:
        return MM * float(np.linalg.norm(acceleration, axis=-1).mean()) if some else None

    return Scores(
        protocol=rules.name,
        layout=truth.layout,
        joints=names,
        of_joints=len(rules.joints.joints),
        frames=int(counted.sum()),
        in_camera=truth.in_camera,
        mpjpe_mm=MM * float(errors.mean()),
        pa_mpjpe_mm=MM * float(similar.mean()),
        pve_mm=None if isinstance(surface, str) else surface.pve_mm,
        pve_reason=surface if isinstance(surface, str) else "",
        regions=() if isinstance(surface, str) else surface.regions,
        head_deg=None if isinstance(surface, str) else surface.head_deg,
        head_worst_deg=None if isinstance(surface, str) else surface.head_worst_deg,
        pck_50=pck(errors[:, among], 0.05),
        pck_150=pck(errors[:, among], 0.15),
        auc=auc(errors[:, among]),
        acceleration_mm=mean(ours),
        true_acceleration_mm=mean(theirs),
        acceleration_error_mm=mean(ours - theirs),
        fps=rate,
        worst=tuple(sorted(zip(names, (MM * similar.mean(0)).tolist(), strict=True), key=lambda each: -each[1])[:3]),
        notes=notes,
    )


def _check(rules: Protocol, truth: Truth, regressor: Path | None) -> None:
    if rules.camera and truth.camera != rules.camera:
        what = f"camera {truth.camera}" if truth.camera else truth.layout
        raise BadInputError(
            f"the protocol {rules.name} is about camera {rules.camera} alone, but the truth is of {what}: give that "
            "camera's file, or the protocol h36m-p1"
        )
    if rules.name == "3dpw-14" and (regressor is None or truth.motion is None):
        raise BadInputError(
            "the protocol 3dpw-14 regresses the true joints from the surface: give SMPL's model file with --truth-body "
            "and J_regressor_h36m.npy with --regressor"
        )


def _common(frames: IntArray, truth: Truth, offset: int) -> tuple[IntArray, IntArray]:
    """Return the places of the frames that both have."""
    _, ours, theirs = np.intersect1d(frames, truth.frames, return_indices=True)
    if not len(ours):
        raise BadInputError(
            f"the avatar has frames {frames[0]} to {frames[-1]} and the truth {truth.frames[0]} to {truth.frames[-1]}, "
            "none in common: give the number of the truth's frame at which the clip begins with --offset (now "
            f"{offset})"
        )
    return ours, theirs


def _rows(state: BodyState, rows: IntArray) -> BodyState:
    names = ("global_orient", "body_pose", "transl", "expression")
    return replace(state, **{name: getattr(state, name)[rows] for name in names if getattr(state, name) is not None})


def _chunks(body: Body, state: BodyState) -> Iterator[tuple[FloatArray, FloatArray]]:
    """Yield vertices and joints of successive frames."""
    for start in range(0, len(state.transl), CHUNK):
        rows = np.arange(start, min(start + CHUNK, len(state.transl)))
        yield posed(body, _rows(state, rows))


def _avatar_points(body: Body, state: BodyState, regressor: Path | None) -> tuple[Points, bool]:
    """Return the avatar's joints by name, and whether the regressor has made them."""
    own = regressor is not None and body.name.startswith("smpl") and body.name != "smplx"
    rows = read_regressor(regressor, _template(body)) if own and regressor is not None else {}
    matrix = np.stack(list(rows.values())) if rows else np.zeros((0, len(body.template)))
    parts = [(joints, matrix @ vertices) for vertices, joints in _chunks(body, state)]
    joints, regressed = (np.concatenate([part[k] for part in parts]) for k in (0, 1))
    points = {name: joints[:, j] for j, name in enumerate(body.joint_names)}
    for name, (left, right) in BETWEEN.items():
        if left in points and right in points:
            points[name] = (points[left] + points[right]) / 2
    return points | {name: regressed[:, k] for k, name in enumerate(rows)}, bool(rows)


def _true_points(truth: Truth, regressor: Path | None) -> Points:
    points: Points = {}
    if truth.joints is not None:
        points = {name: truth.joints[:, j] for j, name in enumerate(truth.joint_names)}
    if truth.motion is None or regressor is None:
        return points
    rows = read_regressor(regressor, _template(truth.motion.body))
    matrix = np.stack(list(rows.values()))
    regressed = np.concatenate([matrix @ vertices for vertices, _ in truth.motion.chunks()])
    return points | {name: regressed[:, k] for k, name in enumerate(rows)}


def _check_joints(rules: Protocol, names: tuple[str, ...], true: Points, truth: Truth) -> None:
    lacking = [name for name in rules.joints.root if name not in names]
    if not lacking and len(names) >= FEWEST_JOINTS:
        return
    held = sum(name in true for name in rules.joints.joints)
    raise BadInputError(
        f"the protocol {rules.name} compares the {len(rules.joints.joints)} joints of {rules.joints.name}, of which "
        f"the truth ({truth.layout}) has {held} and the avatar {len(names)} of these: give the protocol "
        f"{truth.protocol}" + ("" if truth.protocol != rules.name else " with an avatar that has these joints")
    )


def _vertex_error(body: Body, state: BodyState, truth: Truth, counted: NDArray[np.bool_]) -> VertexScores | str:
    """Return the errors of corresponding vertices; or why there are none."""
    if truth.motion is None:
        return "the truth has no surface, or its model file was not given"
    if not truth.in_camera:
        return "the truth is not in the camera's coordinates"
    theirs = truth.motion.body
    if body.faces.shape != theirs.faces.shape or bool((body.faces != theirs.faces).any()):
        return "the avatar's mesh is not the truth's"
    keep = np.flatnonzero(counted)
    pairs = zip(_chunks(body, _rows(state, keep)), truth.motion.rows(keep).chunks(), strict=True)
    return vertex_scores(pairs, regions_of_body(body))


def _notes(rules: Protocol, names: tuple[str, ...], exact: bool, body: Body, true: Points) -> tuple[str, ...]:
    notes: tuple[str, ...] = ()
    without = [name for name in rules.joints.joints if name in true and name not in names]
    if without:
        notes += (f"the avatar has no counterpart of {', '.join(without)}, which are left out",)
    own = body.name in ("smpl", "smplh") if rules.joints.name == "smpl-24" else exact
    if not own:
        notes += (
            f"the joints of the body {body.name} are its own and lie up to some centimetres from the truth's, so that "
            "published figures compare only roughly",
        )
    return notes


def _rates(motion: Motion, truth: Truth, step: int) -> tuple[str, ...]:
    """Return what is to be said where the clip and the truth have other rates."""
    ours = _rate(motion)
    if ours is None or truth.fps is None or abs(truth.fps / (step * ours) - 1) < RATE_TOLERANCE:
        return ()
    how = "one to one" if step == 1 else f"one to {step}"
    return (
        f"the truth has {truth.fps:g} frames a second and the clip {ours:.3g}, but frames are matched {how}: "
        "see --step",
    )


def _following(frames: IntArray, step: int) -> NDArray[np.bool_]:
    """Return which of T − 2 second differences are over frames that follow each other."""
    if len(frames) < 3:
        return np.zeros(0, bool)
    return np.asarray((np.diff(frames)[:-1] == step) & (np.diff(frames)[1:] == step))


def _rate(motion: Motion) -> float | None:
    """Return the frames per second of the clip; None of a single frame."""
    if len(motion.times_s) < 2:
        return None
    return float(np.median(np.diff(motion.frame_indices) / np.diff(motion.times_s)))


def _stack(points: Points, names: tuple[str, ...]) -> FloatArray:
    return np.stack([points[name] for name in names], 1) if names else np.zeros((0, 0, 3))


def _template(body: Body) -> FloatArray:
    return np.asarray(body.template.double().cpu().numpy())
