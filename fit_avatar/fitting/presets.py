"""Presets: schedules under the names of the methods that they stand for.

The published methods are those of their papers, with the terms of this package in the place of renderers and learned
priors that cannot be had here; their numbers are kept. Those in pixels are taken at the size of person that they
were chosen for, so that they mean the same for any image: a person of 1.7 m fills about 80 % of the picture's height.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from fit_avatar.energies import (
    ALLDIECK_LAPLACIAN,
    ALLDIECK_OFFSETS,
    ALLDIECK_SYMMETRY,
    Annealed,
    GemanMcClure,
    Term,
    bending_prior,
    body_height,
    cone_rays,
    contour_distance,
    expression_prior,
    face_landmark_rays,
    gaussian_pose_prior,
    keypoint_bias_prior,
    keypoint_reprojection,
    landmark_reprojection,
    laplacian,
    mean_pose_prior,
    mixture_pose_prior,
    offset_prior,
    pose_deviation,
    rotation_velocity,
    self_penetration,
    shape_prior,
    silhouette_distance,
    symmetry,
    translation_velocity,
)
from fit_avatar.errors import BadInputError
from fit_avatar.fitting.actions import Action, ChooseHypothesis, Initialise, Solve
from fit_avatar.fitting.actions.solve import POSE
from fit_avatar.fitting.default_schedule import video_avatar
from fit_avatar.fitting.motion_schedule import motion
from fit_avatar.fitting.schedule import Schedule
from fit_avatar.fitting.schedule_file import read_schedule
from fit_avatar.solvers import GaussNewton

TORSO = ("right_shoulder", "left_shoulder", "right_hip", "left_hip")
HIPS = ("neck", "right_hip", "left_hip")
FEET = ("left_ankle", "right_ankle", "left_foot", "right_foot")


def person_px(image_height: float) -> float:
    """Return the size in metres of a pixel of an image of this height whose person fills 80 % of it."""
    return 1.7 / (0.8 * image_height)


def videoavatars_2018() -> Schedule:
    """Return the method of Alldieck et al. 2018 (Video Based Reconstruction of 3D People Models).

    Their weights multiply residuals, so their squares stand here. Frames are solved together instead of one after the
    other; distances to the mask (outside) and to its outline (inside) stand for their rendered silhouette, and a bias
    of every keypoint for the joints that they moved by hand to where their detector sees them.
    """
    pixel = person_px(540)  # they halve a picture of 1080 lines
    keypoints = {"in_metres": True}

    def joints(prior: float, betas: float) -> Solve:
        return Solve(
            f"joints, prior {prior:g}",
            (
                Term(keypoint_reprojection, pixel**-2, data=keypoints),
                Term(gaussian_pose_prior, prior**2),
                Term(shape_prior, betas**2),
                Term(keypoint_bias_prior, 0.02**-2),
                Term(body_height, 1000.0**2, optional=True),
            ),
            free=(*POSE, "betas", "keypoint_bias"),
            optimiser=GaussNewton(6),
            frozen_joints=(*FEET, "left_wrist", "right_wrist"),
        )

    pose = Solve(
        "pose of every frame",
        (
            Term(silhouette_distance, 0.8 * pixel**-2, GemanMcClure(50 * pixel), data={"in_metres": True}),
            Term(contour_distance, 0.8 * pixel**-2, GemanMcClure(50 * pixel), data={"in_metres": True}),
            Term(keypoint_reprojection, pixel**-2, GemanMcClure(100 * pixel), data=keypoints),
            Term(gaussian_pose_prior, 4.0**2),
            Term(self_penetration, 1e3**2),
            Term(rotation_velocity, 50.0**2, GemanMcClure(0.05)),
            Term(translation_velocity, 50.0**2, GemanMcClure(0.05)),
        ),
        free=POSE,
        optimiser=GaussNewton(20),
        frozen_joints=FEET,
    )
    consensus = Solve(
        "consensus shape",
        (
            Term(cone_rays, 1.0, GemanMcClure(Annealed(0.06, 0.003)), data={"gate_m": Annealed(0.12, 0.03)}),
            Term(laplacian, Annealed(4.0**2, 2.0**2), data={"multipliers": ALLDIECK_LAPLACIAN}),
            Term(offset_prior, Annealed(0.6**2, 0.3**2), data={"multipliers": ALLDIECK_OFFSETS}),
            Term(symmetry, Annealed(3.6**2, 1.8**2), data={"multipliers": ALLDIECK_SYMMETRY}),
        ),
        free=("offsets",),
        optimiser=GaussNewton(9),
    )
    return Schedule(
        "videoavatars-2018",
        "a clip of a person turning around, by the terms and weights of Alldieck et al. 2018",
        (Initialise(), joints(5.0, 5.0), joints(4.5, 4.0), joints(4.0, 3.0), pose, consensus),
    )


def _smplify_actions(penetration: tuple[float, ...], hands: tuple[float, ...]) -> tuple[Action, ...]:
    """Return the solve for the camera and the solves under falling priors that SMPLify and SMPLify-X share."""
    pixel = person_px(1000)
    camera = Solve(
        "camera",
        (Term(keypoint_reprojection, pixel**-2, data={"in_metres": True, "only": TORSO}),),
        free=("global_orient", "transl"),
        optimiser=GaussNewton(8),
    )
    priors, betas = (404.0, 404.0, 57.4, 4.78, 4.78), (100.0, 50.0, 10.0, 5.0, 5.0)
    steps = list(zip(priors, betas, penetration, hands, strict=False))
    staged = []
    for i, (prior, shape, collision, fingers) in enumerate(steps):
        terms = [
            Term(
                keypoint_reprojection, pixel**-2, GemanMcClure(100 * pixel), data={"in_metres": True, "without": HIPS}
            ),
            Term(mixture_pose_prior, prior**2),
            Term(bending_prior, (3.17 * prior) ** 2),
            Term(shape_prior, shape**2),
            Term(body_height, 1000.0**2, optional=True),
        ]
        if collision:
            terms.append(Term(self_penetration, (1e3 * collision) ** 2))
        if fingers:
            robust: dict[str, Any] = {"kernel": GemanMcClure(100 * pixel), "optional": True}
            terms += [
                Term(landmark_reprojection, (fingers / pixel) ** 2, data={"in_metres": True}, **robust),
                Term(face_landmark_rays, (fingers / pixel) ** 2, **robust),
                Term(expression_prior, shape**2),
            ]
        staged.append(
            Solve(
                f"stage {i + 1}",
                tuple(terms),
                free=(*POSE, "betas", "expression") if fingers else (*POSE, "betas"),
                optimiser=GaussNewton(10, tolerance=1e-3),
            )
        )
    return (Initialise(both_ways=True), camera, *staged, ChooseHypothesis(staged[-1].terms))


def smplify() -> Schedule:
    """Return the method of Bogo et al. 2016: the body from the keypoints of one image.

    The camera's translation is solved for first, then pose and shape under priors that fall over four stages, from two
    starts that face opposite ways. Their mixture of Gaussians is not free; one learnt from other recordings stands for
    it, and :func:`mixture_pose_prior` takes theirs.
    """
    return Schedule(
        "smplify", "one photograph; the naked body from keypoints", _smplify_actions((0, 0, 0, 1), (0,) * 4)
    )


def smplify_x() -> Schedule:
    """Return the method of Pavlakos et al. 2019: as SMPLify, in five stages, with hands and face where they were found.

    Hands and face need a body that has them (SMPL-X, SMPL-H, anny-hands) and keypoints that hold them.
    """
    return Schedule(
        "smplify-x",
        "one photograph; body, hands and face from keypoints",
        _smplify_actions((0, 0, 0, 0.01, 1), (0, 0, 0, 0.1, 2)),
    )


def octopus() -> Schedule:
    """Return the energy that Alldieck et al. 2019 (Octopus) refine: one to eight photographs of a person who turns.

    There a network gives the start and the space of solutions; here keypoints and an A-pose that the photographs share
    do. Weights are theirs; what they divide by numbers of pixels and points is divided by them here.
    """
    pose = Solve(
        "pose",
        (
            Term(keypoint_reprojection, 0.03**-2, GemanMcClure(0.18), data={"in_metres": True}),
            Term(pose_deviation, 0.1**-2),
            Term(mean_pose_prior, 0.3**-2),
            Term(shape_prior, 1.0),
            Term(body_height, 0.002**-2, optional=True),
        ),
        free=(*POSE, "betas", "mean_pose"),
        optimiser=GaussNewton(15),
    )
    outline: dict[str, Any] = {"in_metres": True, "inside_looseness": 3.0}
    shape = Solve(
        "pose and shape",
        (
            *pose.terms,
            Term(contour_distance, 0.2 * 0.008**-2, GemanMcClure(Annealed(0.08, 0.024)), data=outline),
            Term(face_landmark_rays, 0.01**-2, GemanMcClure(0.05), optional=True),
        ),
        free=pose.free,
        optimiser=GaussNewton(15),
    )
    offsets = Solve(
        "offsets",
        (
            Term(cone_rays, 50.0, GemanMcClure(Annealed(0.03, 0.01))),
            Term(laplacian, 100.0, data={"multipliers": ALLDIECK_LAPLACIAN}),
            Term(symmetry, 50.0, data={"multipliers": ALLDIECK_SYMMETRY}),
            Term(offset_prior, 0.1),
        ),
        free=("offsets",),
        optimiser=GaussNewton(6),
    )
    return Schedule(
        "octopus",
        "one to eight photographs of a turning person; body and clothes",
        (Initialise(), pose, shape, offsets),
    )


PRESETS: dict[str, Callable[[], Schedule]] = {
    "video-avatar": video_avatar,
    "motion": motion,
    "videoavatars-2018": videoavatars_2018,
    "smplify": smplify,
    "smplify-x": smplify_x,
    "octopus": octopus,
}
"""The presets by their names."""


REFINED: dict[str, Callable[[str], Schedule]] = {"video-avatar": video_avatar, "motion": motion}
"""Presets whose time and quality can be chosen."""


def preset(name: str, quality: str = "balanced", extensions: Sequence[ModuleType] = ()) -> Schedule:
    """Return a preset by its name, or read a schedule that :func:`schedule_to_json` wrote.

    Args:
        name: one of :data:`PRESETS`, or the path of a .json file.
        quality: how long the presets video-avatar and motion refine: ``fast``, ``balanced`` or ``best``.
        extensions: modules whose terms and actions a file may name, beside those of this package.

    Raises:
        BadInputError: there is none of that name, or the file is not a schedule.
    """
    if name in REFINED:
        return REFINED[name](quality)
    if name in PRESETS:
        return PRESETS[name]()
    if name.endswith(".json"):
        return read_schedule(Path(name), extensions)
    raise BadInputError(f"there is no preset {name!r}: choose one of {', '.join(PRESETS)}, or give a .json file")
