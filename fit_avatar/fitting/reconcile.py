"""The poses of people who were fitted one by one, made to agree: nobody is inside anybody, who is in front is nearer.

What each one's own fit knows of the pictures is kept as a prior: across the view it is sure, along it it is not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fit_avatar.body.model import Body
from fit_avatar.body.skinning import pose_body, shaped
from fit_avatar.body.state import BodyState
from fit_avatar.capture.types import Camera, Mask
from fit_avatar.energies import (
    GemanMcClure,
    Overlaps,
    PosedBody,
    Term,
    depth_order,
    joint_limits,
    people_apart,
    place_change,
    pose_anchor,
    pose_change,
    view_anchor,
)
from fit_avatar.energies.collision import capsule_radii, fit_capsules
from fit_avatar.errors import BadInputError
from fit_avatar.fitting.actions.solve import POSE
from fit_avatar.fitting.occlusion import find_overlaps
from fit_avatar.solvers import GaussNewton, Problem, Unknowns, solve

SHAPE, POSES = ("betas", "offsets"), ("global_orient", "body_pose", "transl")
"""What is batched of a state. Expressions, where there are any, stay as they are."""


@dataclass(frozen=True)
class ReconcileConfig:
    """Settings of the common refinement; where nothing else is said, chosen on two scenes.

    They are "shaking hands" and "close together" of benchmarks/people_scenes.py.
    """

    across_m: float = 0.02
    """How far a keypoint is from where the own fit has it, across the view, where it was seen. As in the preset
    motion."""
    least_sure: float = 0.1
    """Confidence of a keypoint that was not seen. Chosen by hand."""
    depth_looseness: float = 20.0
    """So many times farther along the view: 0.4 m for one keypoint, 0.08 m for all 25 together. Chosen by hand."""
    turn_rad: float = 0.2
    """How far a joint turns from the own fit. Chosen by hand."""
    turn_change_rad: float = 0.03
    """How much that changes from frame to frame. Chosen by hand."""
    place_change_m: float = 0.01
    """How much the way of the root changes from frame to frame. Chosen by hand."""
    apart_m: float = 0.002
    """How far one may be inside another."""
    inside: float = 0.85
    """The capsules hold this fraction of the surface …"""
    hands_inside: float = 0.95
    """… and those of hands this: with less, hands that shake stay 17 mm in each other; with all of it, everybody's
    outline overlap is 0.01 less."""
    order_m: float = 0.03
    """How far behind somebody may be who is seen in front. Chosen by hand."""
    thick_m: float = 0.04
    """Whoever is in front is so thick where they hide somebody, at least: a forearm, not at its border. Chosen by
    hand."""
    order_scale_m: float = 0.3
    """Somebody so far behind is no error of depth but one of the masks. Chosen by hand."""
    least_m: float = 0.002
    """Frames in which nobody is farther inside somebody, or out of order, are left alone. Chosen by hand."""
    around: int = 15
    """Frames before and after the others that may change with them. Chosen by hand."""
    iterations: int = 12
    """Of Gauss–Newton, first for the order alone, so that nobody is held up by whom they have to pass, and again for
    all."""


DEFAULT_RECONCILE = ReconcileConfig()


@dataclass(frozen=True)
class Single:
    """One person, as fitted alone."""

    state: BodyState
    """Shape and T poses, in the camera's coordinates."""
    frames: NDArray[np.int64]
    """Indices in the clip, ascending. [T]"""
    scale: float = 1.0
    """By how much they are scaled about the camera in the scene."""
    sure: NDArray[np.float32] | None = None
    """How surely each keypoint was seen. [T, 25] None: surely"""
    masks: Mapping[int, Mask] | None = None
    """What is seen of them, as :func:`fit_avatar.fitting.occlusion.small_mask` makes it, by index in the clip."""


@dataclass(frozen=True)
class Reconciled:
    """People who were refined together."""

    states: tuple[BodyState, ...]
    """Each one's, at their own frames."""
    changed: int
    """In how many frames of the clip anything was to be mended."""


def reconcile(
    body: Body,
    people: Sequence[Single],
    camera: Camera,
    config: ReconcileConfig = DEFAULT_RECONCILE,
    on_step: Callable[[int, int], None] | None = None,
) -> Reconciled:
    """Refine the poses of all people together where they touch or hide each other.

    Args:
        body: of all of them.
        people: at least one; their shapes stay.
        camera: of the pictures.
        config: settings.
        on_step: called with iterations done and iterations in all.

    Raises:
        BadInputError: there is nobody, or states do not fit the frames or the body.
    """
    _check(body, people)
    scene = _Scene.of(body, people)
    overlaps = find_overlaps(body, scene.vertices(), camera, scene.masks)
    wrong = scene.wrong(overlaps, config)
    if not wrong.any():
        return Reconciled(tuple(person.state for person in people), 0)
    rows = np.flatnonzero(wrong)
    first, last = max(rows[0] - config.around, 0), min(rows[-1] + config.around + 1, len(wrong))
    part = torch.arange(first, last)
    solved = scene.solved(part, overlaps, config, on_step)
    return Reconciled(tuple(scene.back(n, solved, first) for n in range(len(people))), int(wrong.sum()))


def _check(body: Body, people: Sequence[Single]) -> None:
    if not people:
        raise BadInputError("there is nobody whose poses could be refined")
    for number, person in enumerate(people, 1):
        shape = tuple(person.state.body_pose.shape)
        if len(person.frames) != len(person.state.transl) or shape[1:] != (len(body.parents) - 1, 3):
            raise BadInputError(
                f"person {number} has {len(person.frames)} frames and poses of shape {list(shape)}: for the body "
                f"{body.name} they must be [{len(person.frames)}, {len(body.parents) - 1}, 3]"
            )
        if (np.diff(person.frames) <= 0).any():
            raise BadInputError(f"the frames of person {number} do not ascend")


@dataclass(frozen=True)
class _Scene:
    """Everybody in all frames in which anybody is, as a batch; who is not there keeps their nearest pose."""

    body: Body
    people: Sequence[Single]
    frames: NDArray[np.int64]
    state: BodyState  # [N, F]
    here: Tensor  # [N, F]
    sure: Tensor  # [N, F, 25]
    scale: Tensor  # [N]
    masks: list[dict[int, Mask]]  # by row

    @classmethod
    def of(cls, body: Body, people: Sequence[Single]) -> _Scene:
        frames = np.unique(np.concatenate([person.frames for person in people]))
        like = people[0].state.transl
        states, here, sure, masks = [], [], [], []
        for person in people:
            rows = np.abs(person.frames[None] - frames[:, None]).argmin(1)
            there = np.isin(frames, person.frames)
            chosen, state = torch.from_numpy(rows), person.state
            states.append({name: getattr(state, name) for name in SHAPE} | {
                name: getattr(state, name)[chosen] for name in _poses(state)})  # fmt: skip
            here.append(torch.from_numpy(there))
            known = np.ones((len(person.frames), 25), np.float32) if person.sure is None else person.sure
            sure.append(torch.from_numpy(known[rows] * there[:, None].astype(np.float32)))
            place = {int(frame): row for row, frame in enumerate(frames)}
            masks.append({place[index]: mask for index, mask in (person.masks or {}).items() if index in place})
        batch = BodyState(**{name: torch.stack([each[name] for each in states]) for name in states[0]})
        scale = like.new_tensor([person.scale for person in people])
        return cls(body, people, frames, batch, torch.stack(here), torch.stack(sure).to(like), scale, masks)

    def vertices(self) -> Tensor:
        """Return everybody's surface in the scene. [N, F, V, 3]"""
        with torch.no_grad():
            each = [pose_body(self.body, self.one(n)).vertices for n in range(len(self.people))]
        return torch.stack(each) * self.scale[:, None, None, None]

    def one(self, n: int) -> BodyState:
        """Return one person at all frames."""
        return BodyState(**{name: getattr(self.state, name)[n] for name in (*SHAPE, *_poses(self.state))})

    def part(self, rows: Tensor) -> BodyState:
        """Return everybody at some frames. [F']"""
        return replace(self.state, **{name: getattr(self.state, name)[:, rows] for name in _poses(self.state)})

    def wrong(self, overlaps: Overlaps, config: ReconcileConfig) -> NDArray[np.bool_]:
        """Return in which frames somebody is inside somebody else or out of order. [F]"""
        x = Unknowns.of(self.body, self.state, ()).posed_body()
        every = torch.arange(len(self.frames))
        bad = torch.zeros(len(self.frames), dtype=torch.bool)
        for term in self.coupling(every, overlaps, config):
            fields = dict(term.data)
            assert term.energy.prepare is not None
            with torch.no_grad():
                fields |= term.energy.prepare(x, **term.energy.wants(term.energy.prepare, fields))
                found = term.energy.residual(x, fields)
            depth = found[0] * found[1] if isinstance(found, tuple) else found
            bad |= (2 * depth > config.least_m).any(-1).any(0).cpu()
        return np.asarray(bad.numpy())

    def coupling(self, rows: Tensor, overlaps: Overlaps, config: ReconcileConfig) -> tuple[Term, ...]:
        """Return the terms between people at some frames. [F']"""
        radii = [_radii(self.body, one.state, config) for one in self.people]
        near = Overlaps(*(value[:, rows] for value in vars(overlaps).values()))
        apart = {"scale": self.scale, "radii": torch.stack(radii), "here": self.here[:, rows]}
        return (
            Term(people_apart, config.apart_m**-2, data=apart),
            Term(
                depth_order, config.order_m**-2, GemanMcClure(config.order_scale_m),
                data={"overlaps": near, "scale": self.scale, "gap_m": config.thick_m},
            ),
        )  # fmt: skip

    def solved(
        self,
        rows: Tensor,
        overlaps: Overlaps,
        config: ReconcileConfig,
        on_step: Callable[[int, int], None] | None,
    ) -> BodyState:
        """Return everybody at some neighbouring frames, refined. [N, F']"""
        unknowns = Unknowns.of(self.body, self.part(rows), POSE)
        start: PosedBody = unknowns.posed_body()
        with torch.no_grad():
            rotations, places, keypoints = start.rotations, start.transl, start.keypoints
        sure = self.sure[:, rows].clamp(config.least_sure, 1.0)
        terms = (
            Term(view_anchor, config.across_m**-2, data={
                "places": keypoints, "depth_looseness": config.depth_looseness}, confidence=sure),
            Term(pose_anchor, config.turn_rad**-2, data={"rotations": rotations}),
            Term(pose_change, config.turn_change_rad**-2, data={"rotations": rotations}),
            Term(place_change, config.place_change_m**-2, data={"places": places}),
            Term(joint_limits, 0.1**-2),
            *self.coupling(rows, overlaps, config),
        )  # fmt: skip
        optimiser, whole = GaussNewton(config.iterations), Problem(terms)
        order = Problem([term for term in terms if term.energy is not people_apart])
        for done, problem in enumerate((order, whole)):
            unknowns = solve(problem, unknowns, optimiser, _later(on_step, done, config.iterations)).unknowns
        return unknowns.body_state()

    def back(self, n: int, solved: BodyState, first: int) -> BodyState:
        """Return one person at their own frames, with what was solved for from a row on."""
        own = self.people[n]
        rows = np.searchsorted(self.frames, own.frames)
        inside = (rows >= first) & (rows < first + solved.transl.shape[1])
        mine, there = torch.from_numpy(np.flatnonzero(inside)), torch.from_numpy(rows[inside] - first)
        changed = {}
        for name in POSES:
            values = getattr(own.state, name).clone()
            values[mine] = getattr(solved, name)[n][there].to(values)
            changed[name] = values
        return replace(own.state, **changed)


def _later(on_step: Callable[[int, int], None] | None, done: int, count: int) -> Callable[[int, int], None]:
    """Return what is told of the steps of one of two solves."""
    return lambda step, _: on_step(done * count + step, 2 * count) if on_step is not None else None


def _radii(body: Body, state: BodyState, config: ReconcileConfig) -> Tensor:
    """Return the radii of somebody's capsules: [C] metres."""
    surface, joints = shaped(body, state.betas, state.offsets), fit_capsules(body).joints
    most, hands = (capsule_radii(body, surface, state.betas, inside) for inside in (config.inside, config.hands_inside))
    is_hand = torch.tensor([body.joint_names[joint].endswith(("hand", "wrist")) for joint in joints])
    return torch.where(is_hand.to(most.device), hands, most)


def _poses(state: BodyState) -> tuple[str, ...]:
    return POSES if state.expression is None else (*POSES, "expression")
