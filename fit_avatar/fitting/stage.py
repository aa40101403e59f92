"""The stages of a fit as data: which terms with which weights, what is free, which optimiser.

Sigmas are noise levels in metres (at the person's distance) or radians; they do not depend on the size of the
image. A term's weight is 1/σ².
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from fit_avatar.energies import (
    Annealed,
    GemanMcClure,
    PartMultipliers,
    Term,
    body_height,
    contour_distance,
    keypoint_bias_prior,
    keypoint_reprojection,
    mean_pose_prior,
    pose_deviation,
    rotation_acceleration,
    shape_prior,
    surface_reprojection,
    surface_shift_prior,
    translation_acceleration,
)
from fit_avatar.energies.kernel import Value
from fit_avatar.errors import BadInputError
from fit_avatar.solvers.optimisers import GaussNewton, Optimiser

POSE = ("global_orient", "body_pose", "transl")
POSE_AND_SHAPE = (*POSE, "betas", "mean_pose", "keypoint_bias")
_PLAIN = (int, float, str, Annealed)
OUTLINE_SHARE = 0.2
"""Independent pieces of information per outline point: neighbours err together."""
SURFACE_SIGMA_M, SURFACE_SCALE_M, SURFACE_SHARE = 0.005, 0.015, 0.5
"""Noise of the places in which pictures show points of the surface, its Geman–McClure scale, and independent pieces of
information per point."""
SURFACE_SHIFT_M = 0.005
"""How far the surface around a joint moves against the joint in one solve."""
BIAS_IN_NOISE = 1.2
"""How far a detector's idea of a keypoint is from the body's, in its noise: a precise one also means the same place."""


@dataclass(frozen=True)
class Stage:
    """One solve: terms, what is free, and how it is minimised. Data fields come from the capture."""

    name: str
    terms: tuple[Term, ...]
    free: tuple[str, ...] = POSE_AND_SHAPE
    optimiser: Optimiser = field(default=GaussNewton())
    frozen_joints: tuple[str, ...] = ()
    """Joints that keep their rotation."""
    measure_noise: bool = False
    """Afterwards measure how far keypoints scatter about the fit, for the stages that follow."""
    choose: bool = False
    """Of several hypotheses keep the one of least energy."""
    calibrate: bool = False
    """Before, estimate the focal length of a camera that is only guessed: the one with which this solve ends lowest."""
    every_frame: bool = False
    """From here on all frames of the clip are followed, where it was only key frames before."""
    pictures: bool = False
    """Before, find points of the surface in the pictures of all frames; left out where only a capture is at hand."""

    @property
    def moves_body(self) -> bool:
        """Whether poses or betas are free, rather than offsets alone."""
        return bool({"global_orient", "body_pose", "transl", "betas"} & set(self.free))

    def term(self, name: str) -> Term:
        """Return a term by its name.

        Raises:
            BadInputError: there is none.
        """
        for term in self.terms:
            if term.name == name:
                return term
        raise BadInputError(
            f"the stage {self.name!r} has no term {name!r}; it has {', '.join(term.name for term in self.terms)}"
        )

    def with_weights(self, **weights: Value) -> Stage:
        """Return the stage with other weights for some terms, by the terms' names."""
        changed = {name: replace(self.term(name), weight=weight) for name, weight in weights.items()}
        return replace(self, terms=tuple(changed.get(term.name, term) for term in self.terms))

    def with_terms(self, *terms: Term) -> Stage:
        """Return the stage with further terms; one of the same name is replaced."""
        new = {term.name for term in terms}
        return replace(self, terms=(*(term for term in self.terms if term.name not in new), *terms))

    def without(self, *names: str) -> Stage:
        """Return the stage without some terms."""
        gone = {self.term(name).name for name in names}
        return replace(self, terms=tuple(term for term in self.terms if term.name not in gone))

    def describe(self) -> dict[str, Any]:
        """Return everything that makes the stage, as JSON values."""
        return {
            "name": self.name,
            "terms": [_described(term) for term in self.terms],
            "free": list(self.free),
            "frozen_joints": list(self.frozen_joints),
            "measure_noise": self.measure_noise,
            "choose": self.choose,
            "calibrate": self.calibrate,
            "every_frame": self.every_frame,
            "pictures": self.pictures,
            "optimiser": _with_kind(self.optimiser),
        }

    def __str__(self) -> str:
        options = ", ".join(f"{k}={v:g}" for k, v in asdict(self.optimiser).items() if not isinstance(v, bool))
        frozen = f", but not {', '.join(self.frozen_joints)}" if self.frozen_joints else ""
        lines = [
            f"{self.name}  [{type(self.optimiser).__name__}: {options}]",
            f"  free: {', '.join(self.free)}{frozen}",
        ]
        return "\n".join([*lines, *(f"  {term}{_options(term.data)}" for term in self.terms)])


@dataclass(frozen=True)
class ConsensusStage:
    """One fit of offsets to the un-posed outlines of all frames."""

    name: str
    matchings: int = 2
    reweightings: int = 3
    """Robust re-weightings after each matching."""
    outline_sigma_m: float = 0.003
    outline_kernel: Value = field(default=Annealed(10.0, 3.0))
    """Geman–McClure scale of the outline, in sigmas."""
    gate_m: float = 0.08
    """Largest distance between an outline point and its rim vertex."""
    rim: int = 2000
    smooth_m: float = 0.012
    """Offsets are smooth over about this distance."""
    body: float = 0.001
    """Weight of the offsets' prior against the outlines of thirty frames that touch the whole surface evenly."""
    symmetry: float = 0.03
    """Weight of left–right symmetry, likewise."""

    def describe(self) -> dict[str, Any]:
        """Return everything that makes the stage, as JSON values."""
        return {name: _plain(value) for name, value in vars(self).items()}

    def __str__(self) -> str:
        lines = (f"  {k}: {v}" for k, v in vars(self).items() if k != "name")
        return "\n".join([f"{self.name}  [sparse consensus]", *lines])


AnyStage = Stage | ConsensusStage


def tracking_terms(
    *,
    keypoint_sigma_m: float | None = 0.03,
    keypoint_kernel: float = 3.0,
    keypoint_bias_m: float = 0.02,
    outline_sigma_m: float | None = None,
    outline_kernel_m: Annealed | None = None,
    outline_options: Mapping[str, Any] | None = None,
    deviation_sigma: float = 0.1,
    mean_sigma: float = 0.3,
    turn_sigma: float = 0.02,
    move_sigma_m: float = 0.01,
    shape_sigma: float = 1.0,
    height_sigma_m: float = 0.002,
) -> tuple[Term, ...]:
    """Return the terms that track a turning person over a clip.

    Args:
        keypoint_sigma_m: noise of a detected keypoint, and of the body's idea of where it is; None takes what a stage
            before it has measured.
        keypoint_kernel: Geman–McClure scale of keypoints, in their noise.
        keypoint_bias_m: how far the detector's idea of a keypoint is from the body's, the same in all frames; where the
            noise is measured, this is a multiple of it instead.
        outline_sigma_m: noise of a point of the outline; None leaves outlines out.
        outline_kernel_m: its Geman–McClure scale, by default from ten to three times the noise.
        outline_options: further fields of :func:`contour_distance`.
        deviation_sigma: how far a joint strays from the shared mean pose.
        mean_sigma: how far the shared mean pose is from an A-pose.
        turn_sigma: usual change of a joint's angular velocity between frames a thirtieth of a second apart.
        move_sigma_m: usual change of velocity between such frames.
        shape_sigma: spread of the betas.
        height_sigma_m: noise of the given height.
    """
    sigma = keypoint_sigma_m
    unit = {"in_noise": True} if sigma is None else {"in_metres": True}
    terms = [
        Term(keypoint_reprojection, (sigma or 1.0) ** -2, GemanMcClure(keypoint_kernel * (sigma or 1.0)), data=unit),
        Term(pose_deviation, deviation_sigma**-2),
        Term(mean_pose_prior, mean_sigma**-2),
        Term(rotation_acceleration, turn_sigma**-2),
        Term(translation_acceleration, move_sigma_m**-2),
        Term(shape_prior, shape_sigma**-2),
        Term(keypoint_bias_prior, keypoint_bias_m**-2)
        if sigma is not None
        else Term(keypoint_bias_prior, BIAS_IN_NOISE**-2, data={"in_noise": True}),
        Term(body_height, height_sigma_m**-2, optional=True),
    ]
    if outline_sigma_m is not None:
        kernel = outline_kernel_m or Annealed(10 * outline_sigma_m, 3 * outline_sigma_m)
        terms.insert(
            1,
            Term(
                contour_distance,
                OUTLINE_SHARE * outline_sigma_m**-2,
                GemanMcClure(kernel),
                data={"in_metres": True, **(outline_options or {})},
            ),
        )
    return tuple(terms)


def stages(quality: str) -> tuple[AnyStage, ...]:
    """Return the schedule of a quality: ``fast``, ``balanced`` or ``best``."""
    rounds = {"fast": 1, "balanced": 3, "best": 5}[quality]
    schedule: list[AnyStage] = [
        Stage(
            "pose from keypoints",
            tracking_terms(keypoint_kernel=6.0, move_sigma_m=0.03),
            optimiser=GaussNewton(12),
            measure_noise=True,
            calibrate=True,
        ),
        Stage(
            "pose and shape from outlines",
            tracking_terms(
                keypoint_sigma_m=None,
                keypoint_kernel=4.0,
                outline_sigma_m=0.008,
                outline_options={"inside_looseness": 3.0},
            ),
            optimiser=GaussNewton(16),
        ),
    ]
    pose = tracking_terms(
        keypoint_sigma_m=None,
        keypoint_kernel=4.0,
        outline_sigma_m=0.004,
        outline_kernel_m=Annealed(0.024, 0.012),
        outline_options={"gate_m": Annealed(0.06, 0.03)},
        deviation_sigma=0.06,
    )
    for i in range(rounds):
        number = f" {i + 1}/{rounds}"
        schedule.append(ConsensusStage("consensus shape" + number))
        schedule.append(
            Stage(
                "pose with the consensus shape" + number,
                (*pose, Term(surface_shift_prior, SURFACE_SHIFT_M**-2)),
                free=(*(name for name in POSE_AND_SHAPE if name != "betas"), "surface_shift"),
                optimiser=GaussNewton(8),
            )
        )
    schedule.append(ConsensusStage("final consensus shape"))
    schedule.append(Stage("pose of every frame", pose, free=POSE, optimiser=GaussNewton(8), every_frame=True))
    if quality != "fast":
        schedule += [_pose_from_pictures(), ConsensusStage("shape from every frame", matchings=1)]
    return tuple(schedule)


def _pose_from_pictures() -> Stage:
    """Return the stage that takes what outlines do not show, as turns about a limb's own axis, from the pattern."""
    terms = tracking_terms(
        keypoint_sigma_m=None,
        keypoint_kernel=4.0,
        outline_sigma_m=0.004,
        outline_kernel_m=Annealed(0.012, 0.012),
        outline_options={"gate_m": 0.03},
        deviation_sigma=0.06,
    )
    surface = Term(
        surface_reprojection,
        SURFACE_SHARE * SURFACE_SIGMA_M**-2,
        GemanMcClure(SURFACE_SCALE_M),
        data={"in_metres": True},
    )
    return Stage("pose from the pictures", (*terms, surface), free=POSE, optimiser=GaussNewton(4), pictures=True)


def _described(term: Term) -> dict[str, Any]:
    return {
        "residual": term.energy.__name__,
        "name": term.name,
        "weight": _plain(term.weight),
        "kernel": None if term.kernel is None else _with_kind(term.kernel),
        "data": {name: _plain(value) for name, value in term.data.items()},
        "optional": term.optional,
    }


def _with_kind(value: Any) -> dict[str, Any]:
    return {"kind": type(value).__name__, **{name: _plain(each) for name, each in vars(value).items()}}


def _plain(value: Any) -> Any:
    """Return a number, text or schedule as a JSON value; data of another kind only as text."""
    if isinstance(value, (Annealed, PartMultipliers)):
        return asdict(value)
    if isinstance(value, (tuple, list)):
        return [_plain(each) for each in value]
    return value if value is None or isinstance(value, (int, float, str)) else repr(value)


def _options(data: Mapping[str, Any]) -> str:
    told = [f"{name}={value}" for name, value in data.items() if isinstance(value, _PLAIN)]
    return f" ({', '.join(told)})" if told else ""
