"""The unknowns of a problem: named values, which of them are free, and how a step moves them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from fit_avatar.body import rotation
from fit_avatar.body.model import Body
from fit_avatar.body.skinning import surface_shifted
from fit_avatar.body.state import BodyState
from fit_avatar.energies.posed_body import PosedBody
from fit_avatar.errors import BadInputError
from fit_avatar.solvers.state import ClipState

POSE = ("global_orient", "body_pose", "transl")
"""The unknowns of each frame that every body has."""
CLOTHED = ("pelvis", "spine1", "spine2", "spine3", "hip", "knee", "collar", "shoulder", "elbow")
"""Joints around which clothes may hide where the bone is."""


@dataclass(frozen=True)
class Unknown:
    """One named unknown: vectors [..., T or 1, …], or rotations [..., T or 1, n, 3, 3] that move by R exp(ω).

    "..." are batch dimensions, the same for all unknowns of a problem. Unknowns that all frames share have a time axis
    of length one.
    """

    value: Tensor
    shared: bool
    rotation: bool = False
    free: bool | Tensor = True
    """Whether it is optimised; or which of its degrees of freedom are. bool [d]"""
    max_step: float = float("inf")
    """Largest second-order step of a number, or of a rotation in radians."""
    batch: int = 0
    """How many batch dimensions precede the time axis."""
    _index: list[tuple[Tensor, Tensor]] = field(default_factory=list, repr=False, compare=False)
    """A tensor ``free`` and what :attr:`free_index` found in it: it goes along where the value changes."""

    @property
    def dofs(self) -> int:
        """Return the degrees of freedom of a frame (or of all frames, if they share them)."""
        trailing = self.value.shape[self.batch + 1 :]
        return 3 * trailing[0] if self.rotation else trailing.numel()

    @property
    def free_index(self) -> Tensor:
        """Return the indices of the free degrees of freedom."""
        device = self.value.device
        if not isinstance(self.free, Tensor):
            return torch.arange(self.dofs if self.free else 0, device=device)
        for mask, known in self._index:
            if mask is self.free and known.device == device:
                return known
        known = torch.nonzero(self.free.to(device))[:, 0]  # found once, since the host must wait for the number of them
        self._index[:] = [(self.free, known)]
        return known

    def zero_step(self) -> Tensor:
        """Return a step that goes nowhere. [..., T or 1, free d]"""
        return self.value.new_zeros(*self.value.shape[: self.batch + 1], len(self.free_index))

    def moved(self, step: Tensor) -> Tensor:
        """Return the value after a step of the free degrees of freedom; differentiable. [..., T or 1, free d]"""
        if step.shape[-1] != self.dofs:
            whole = step.new_zeros(*step.shape[:-1], self.dofs)
            step = whole.index_copy(-1, self.free_index, step)
        if self.rotation:
            return self.value @ rotation.exp(step.unflatten(-1, (-1, 3)))
        return self.value + step.reshape(*step.shape[:-1], *self.value.shape[self.batch + 1 :])

    def limited(self, step: Tensor) -> Tensor:
        """Return a step no larger than it may be. [..., free d]"""
        if self.max_step == float("inf"):
            return step
        if self.rotation and step.shape[-1] == self.dofs:
            turns = step.unflatten(-1, (-1, 3))
            size = turns.norm(dim=-1, keepdim=True)
            limited: Tensor = (turns * (self.max_step / size.clamp_min(self.max_step))).flatten(-2)
            return limited
        return step.clamp(-self.max_step, self.max_step)


@dataclass(frozen=True)
class Unknowns:
    """All that a term may look at: a body and the values that pose and shape it, some of them free."""

    body: Body
    named: Mapping[str, Unknown]

    @classmethod
    def of(
        cls,
        body: Body,
        state: BodyState | ClipState,
        free: Sequence[str] | None = None,
        *,
        frozen_joints: Sequence[str] = (),
        **more: Unknown,
    ) -> Unknowns:
        """Make unknowns of a state.

        Args:
            body: the body.
            state: where to start; a :class:`BodyState` [T] or with a batch of clips [C, T], or a :class:`ClipState`.
            free: names of the unknowns to optimise: ``global_orient``, ``body_pose``, ``transl``, ``betas``,
                ``offsets``, ``expression``, and of a clip's state ``mean_pose``, ``keypoint_bias`` and
                ``surface_shift``. By default those of the pose and the betas.
            frozen_joints: names of joints that keep their rotation, in every frame and in the mean pose.
            more: further unknowns of your own; terms see them as ``x.<name>``.

        Raises:
            BadInputError: a name in ``free`` is no unknown, or a name in ``frozen_joints`` no joint of this body.
        """
        named = _of_clip(body, state) if isinstance(state, ClipState) else _of_body_state(state)
        named |= more
        chosen = (*POSE, "betas", *more) if free is None else tuple(free)
        for name in chosen:
            if name not in named:
                raise BadInputError(f"there is no unknown {name!r} to free; there are {', '.join(sorted(named))}")
        for name in frozen_joints:
            if name not in body.joint_names:
                raise BadInputError(f"there is no joint {name!r} to freeze in the body {body.name}")
        named = {name: replace(u, free=u.free if name in chosen else False) for name, u in named.items()}
        moving = torch.tensor([name not in frozen_joints for name in body.joint_names[1:]]).repeat_interleave(3)
        for name in {"body_pose", "mean_pose"} & set(chosen) if frozen_joints else ():
            named[name] = replace(named[name], free=moving)
        if "surface_shift" in chosen:
            mask = [name.removeprefix("left_").removeprefix("right_") in CLOTHED for name in body.joint_names]
            named["surface_shift"] = replace(named["surface_shift"], free=torch.tensor(mask).repeat_interleave(6))
        return cls(body, named)

    @property
    def batch(self) -> tuple[int, ...]:
        """Return the batch dimensions: () for one clip."""
        first = self.named["transl"]
        return tuple(first.value.shape[: first.batch])

    @property
    def frames(self) -> int:
        """Return T."""
        return int(self.named["transl"].value.shape[-2])

    @property
    def values(self) -> dict[str, Tensor]:
        """Return the values by their names."""
        return {name: unknown.value for name, unknown in self.named.items()}

    @property
    def free(self) -> dict[str, Unknown]:
        """Return the unknowns with at least one free degree of freedom; those of each frame first."""
        free = {name: u for name, u in self.named.items() if len(u.free_index)}
        return dict(sorted(free.items(), key=lambda item: item[1].shared))

    def posed_body(self) -> PosedBody:
        """Return what terms see at these values."""
        return PosedBody(self.body, self.values)

    def posed_body_after(self, steps: Mapping[str, Tensor]) -> PosedBody:
        """Return what terms see after steps of some unknowns; differentiable in the steps."""
        values = self.values
        for name, step in steps.items():
            values[name] = self.named[name].moved(step)
        return PosedBody(self.body, values)

    def after(self, steps: Mapping[str, Tensor]) -> Unknowns:
        """Return the unknowns after steps."""
        return self.with_values({name: self.named[name].moved(step) for name, step in steps.items()})

    def with_values(self, values: Mapping[str, Tensor]) -> Unknowns:
        """Return the same unknowns with other values."""
        named = dict(self.named)
        for name, value in values.items():
            named[name] = replace(named[name], value=value.detach())
        return replace(self, named=named)

    def where(self, condition: Tensor, other: Unknowns) -> Unknowns:
        """Return these values for the clips where the condition holds, the other's elsewhere. [...] bool"""
        return other.with_values(
            {
                name: torch.where(condition.reshape(*condition.shape, *[1] * (u.value.dim() - u.batch)), u.value, v)
                for (name, u), v in zip(self.free.items(), (other.named[n].value for n in self.free), strict=True)
            }
        )

    def body_state(self) -> BodyState:
        """Return the values as they are exported, with axis-angle poses."""
        x, named = self.posed_body(), self.named
        return BodyState(
            betas=named["betas"].value[..., 0, :],
            offsets=named["offsets"].value[..., 0, :, :]
            if "offsets" in named
            else torch.zeros_like(self.body.template),
            global_orient=x.global_orient,
            body_pose=x.body_pose,
            transl=named["transl"].value,
            expression=named["expression"].value if "expression" in named else None,
        )

    def clip_state(self) -> ClipState:
        """Return the values as a clip's state, in which nothing has been measured."""
        values = {name: unknown.value for name, unknown in self.named.items()}
        offsets = values.get("offsets")
        if "surface_shift" in self.free:  # from now on it is part of the offsets
            shift = surface_shifted(self.body, values["surface_shift"])
            offsets = shift if offsets is None else offsets + shift
        return ClipState(
            rotations=self.posed_body().rotations,
            transl=values["transl"],
            betas=values["betas"][..., 0, :],
            mean_pose=values["mean_pose"][..., 0, :, :, :],
            keypoint_bias=values["keypoint_bias"][..., 0, :, :],
            offsets=None if offsets is None else offsets[..., 0, :, :],
            expression=values.get("expression"),
        )


def _of_body_state(state: BodyState) -> dict[str, Unknown]:
    batch = state.transl.dim() - 2
    rotations = rotation.exp(torch.cat([state.global_orient[..., None, :], state.body_pose], -2))
    named = _poses(rotations, state.transl, batch)
    named["betas"] = Unknown(state.betas.unsqueeze(-2), shared=True, max_step=1.0, batch=batch)
    offsets = state.offsets.expand(*state.transl.shape[:-2], *state.offsets.shape[-2:])
    named["offsets"] = Unknown(offsets.unsqueeze(-3), shared=True, free=True, batch=batch)
    if state.expression is not None:
        named["expression"] = Unknown(state.expression, shared=False, max_step=1.0, batch=batch)
    return named


def _of_clip(body: Body, state: ClipState) -> dict[str, Unknown]:
    batch = state.transl.dim() - 2
    named = _poses(state.rotations, state.transl, batch)
    named["betas"] = Unknown(state.betas.unsqueeze(-2), shared=True, max_step=1.0, batch=batch)
    named["keypoint_bias"] = Unknown(state.keypoint_bias.unsqueeze(-3), shared=True, batch=batch)
    named["mean_pose"] = Unknown(state.mean_pose.unsqueeze(-4), shared=True, rotation=True, batch=batch)
    shift = state.transl.new_zeros(*state.transl.shape[:-2], 1, len(body.parents), 6)
    named["surface_shift"] = Unknown(shift, shared=True, batch=batch)
    if state.offsets is not None:
        named["offsets"] = Unknown(state.offsets.unsqueeze(-3), shared=True, batch=batch)
    if state.expression is not None:
        named["expression"] = Unknown(state.expression, shared=False, max_step=1.0, batch=batch)
    return named


def _poses(rotations: Tensor, transl: Tensor, batch: int) -> dict[str, Unknown]:
    turn = 0.35  # radians; larger steps leave the range in which the linearisation holds
    return {
        "global_orient": Unknown(rotations[..., :1, :, :], False, rotation=True, max_step=turn, batch=batch),
        "body_pose": Unknown(rotations[..., 1:, :, :], False, rotation=True, max_step=turn, batch=batch),
        "transl": Unknown(transl, False, max_step=0.5, batch=batch),
    }
