"""Every term: shapes, zero at the truth, derivatives, robust kernels, and what is said about bad input."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tester import POSE_AND_SHAPE, Case, EnergyTester, Given
from world import CAMERA, SPACING, World

from fit_avatar import energies as e
from fit_avatar.body import rotation
from fit_avatar.body.face_points import FacePoints
from fit_avatar.correspondence.matches import SurfaceMatches
from fit_avatar.energies.directions import ENDS
from fit_avatar.solvers.unknowns import POSE

BOTH_SHAPES = ("betas", "offsets")
ON_SURFACE = ("offsets",)


def keypoints(world: World) -> dict:
    return {"keypoints": world.detected(world.posed_body.keypoints), "camera": CAMERA}


def head(world: World) -> dict:
    body = world.body
    turned = world.posed_body.skeleton.skin_rotations[..., body.joint_names.index("head"), :, :]
    sure = torch.linspace(0.2, 1.0, world.frames).double().expand(turned.shape[:-2])
    return {"head_pose": e.HeadPose(turned.detach(), sure)}


def outline(world: World) -> dict:
    return {"contours": world.contours, "camera": CAMERA, "stride": 1, "spacing_m": 0.0}


def cone(world: World) -> dict:
    return {**outline(world), "gate_m": e.Annealed(0.3, 0.3)}


def fields(world: World) -> dict:
    return {"distance_field": e.distance_field(world.masks, 2), "camera": CAMERA, "spacing_m": SPACING}


def beyond(world: World) -> dict:
    return {"beyond_mask": e.distance_beyond(world.masks, 2), "camera": CAMERA, "spacing_m": 0.0}


def part_fields(world: World) -> dict:
    return {"part_fields": e.distance_field(world.part_masks, 2), "camera": CAMERA, "spacing_m": SPACING}


def overlap(world: World) -> dict:
    return {"soft_mask": e.soft_masks(world.masks, 20).double(), "camera": CAMERA}


def limbs(world: World) -> dict:
    ends = world.posed_body.keypoints[..., list(ENDS), :].unflatten(-2, (-1, 2))
    directions = torch.nn.functional.normalize(ends[..., 1, :] - ends[..., 0, :], dim=-1)
    precision = torch.full_like(directions[..., 0], 5.0)
    precision[..., 3] = 0
    return {"limb_directions": directions, "limb_precision": precision}


def hands(world: World) -> dict:
    points = world.posed_body.landmarks[..., :42, :].unflatten(-2, (2, 21))
    return {"hands": world.detected(points), "camera": CAMERA}


def face(world: World) -> dict:
    seen = world.detected(world.posed_body.landmarks[..., 42:, :])
    return {"face": torch.cat([torch.zeros_like(seen[..., :17, :]), seen, seen[..., :2, :]], -2), "camera": CAMERA}


def embedded(world: World) -> FacePoints:
    """Return twelve points on triangles of the body."""
    random = np.random.default_rng(3)
    corners = world.body.faces.numpy()[random.integers(len(world.body.faces), size=12)]
    weights = random.dirichlet(np.ones(3), size=12)
    return FacePoints(np.arange(5, 65, 5), corners, weights, random.uniform(0.001, 0.004, size=12))


def face_mesh(world: World) -> dict:
    found = embedded(world)
    corners = world.posed_body.vertices[..., torch.from_numpy(found.corners), :]
    seen = world.detected((corners * torch.from_numpy(found.weights)[..., None]).sum(-2))
    detected = torch.zeros(*seen.shape[:-2], 468, 3).double()
    detected[..., found.index, :] = seen
    return {"face_468": detected, "camera": CAMERA, "face_points": found}


def surface(world: World) -> dict:
    count, frames = len(world.body.template), max(world.frames, 1)
    vertices = torch.randint(count, (frames, 9), generator=torch.Generator().manual_seed(7))
    vertices = vertices[: world.frames].expand(*world.batch, world.frames, 9)
    seen = world.posed_body.vertices.gather(-2, vertices[..., None].expand(*vertices.shape, 3))
    return {"surface_matches": SurfaceMatches(world.detected(seen), vertices), "camera": CAMERA}


def measured(points: torch.Tensor) -> torch.Tensor:
    return torch.cat([points, torch.full_like(points[..., :1], 0.7)], -1)


def timing(world: World) -> dict:
    return {"frame_intervals_s": world.frame_intervals_s}


def slow(world: World) -> dict:
    """Frames so far apart that everybody stands, for terms that say nothing of people who never do."""
    return {**contact(world), "frame_intervals_s": 30 * world.frame_intervals_s}


def shaken_timing(world: World) -> dict:
    generator = torch.Generator().manual_seed(7)
    turns = rotation.exp(0.2 * torch.randn(world.frames, 3, generator=generator).double())
    return {**timing(world), "world_from_camera": turns}


def contact(world: World) -> dict:
    generator = torch.Generator().manual_seed(5)
    return {"contact": torch.rand(max(world.frames - 1, 0), 6, generator=generator).double()}


def poses(world: World) -> dict:
    return {"rotations": world.posed_body.rotations.clone()}


def overlaps(world: World) -> dict:
    shape, generator = (*world.batch, world.frames, 6), torch.Generator().manual_seed(9)
    people = world.batch[0] if world.batch else 1
    own, other = (torch.randint(len(world.body.template), shape, generator=generator) for _ in range(2))
    front = torch.randint(3, shape, generator=generator).double() - 1
    other_people = (people - 1 - torch.arange(people)).reshape(*world.batch, 1, 1).expand(shape)
    return {"overlaps": e.Overlaps(own, other_people, other, front)}


def sizes(world: World) -> dict:
    return {"scale": torch.tensor([0.99, 1.0]).double()} if world.batch else {}


def gaussian(world: World) -> dict:
    count = 3 * (len(world.body.parents) - 1)
    mixing = np.random.default_rng(0).normal(size=(count, count))
    return dict(e.gaussian_prior(np.full(count, 0.02), mixing @ mixing.T / count + 0.1 * np.eye(count)))


def mixture(world: World) -> dict:
    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(3, 63, 63))
    covariances = mixing @ mixing.transpose(0, 2, 1) / 63 + 0.2 * np.eye(63)
    return dict(e.mixture_prior(0.1 * rng.normal(size=(3, 63)), covariances, np.array([0.5, 0.3, 0.2])))


def by_part(multipliers: e.PartMultipliers) -> Given:
    return lambda world: {"multipliers": multipliers}


def by_area(multipliers: e.PartMultipliers | None) -> Given:
    return lambda world: {"multipliers": multipliers, "by_area": True}


def tall(world: World) -> dict:
    naked = world.posed_body.naked[..., world.body.skin, 1]
    return {"height_m": float((naked.amax(-1) - naked.amin(-1)).flatten()[0])}


def known_detector(world: World) -> dict:
    """A detector whose ways are known of every other keypoint."""
    offsets = 0.02 * torch.ones(25, 3).double()
    offsets[::2] = 0
    return {"nearer": 2.0, "in_noise": True, "keypoint_offsets": offsets}


def seen_by_side(world: World) -> dict:
    """A detector that sees keypoints elsewhere from other sides."""
    views = 0.01 * torch.arange(25 * 5).double().reshape(25, 5).sin()
    detected = world.detected(world.posed_body.keypoints + world.posed_body.view.moved(views))
    unit = {"in_metres": True, "by_view": True, "keypoint_views": views}
    return {"keypoints": detected, "camera": CAMERA, **unit}


def ground(world: World) -> dict:
    return {"plane": torch.tensor([0.1, -2.0, 0.05, 0.5]).double(), **contact(world)}


BIASED = (*POSE_AND_SHAPE, "keypoint_bias")
SHIFTED = (*POSE_AND_SHAPE, "surface_shift")
SURFACE = (*POSE_AND_SHAPE, "offsets")
CASES = [
    Case(e.keypoint_reprojection, "T K 2", keypoints, free=BIASED),
    Case(e.keypoint_reprojection, "T K 2", seen_by_side, free=BIASED, name="keypoint_reprojection by the side"),
    Case(
        e.keypoint_reprojection,
        "T K 2",
        lambda w: {**keypoints(w), "in_metres": True, "without": ("nose", "neck")},
        free=(*BIASED, "expression"),
        kind="expressive",
        name="keypoint_reprojection in metres",
    ),
    Case(e.contour_distance, "T C", outline),
    Case(
        e.contour_distance,
        "T C",
        lambda w: {**outline(w), "in_metres": True, "inside_looseness": 3.0},
        free=(*SURFACE, "expression"),
        kind="expressive",
        name="contour_distance of the surface in metres",
    ),
    Case(e.contour_distance, "T C", outline, free=SHIFTED, name="contour_distance of the surface against its bones"),
    Case(e.landmark_reprojection, "T 42 2", hands),
    Case(
        e.landmark_reprojection,
        "T 42 2",
        lambda w: {**hands(w), "in_metres": True},
        name="landmark_reprojection in metres",
    ),
    Case(e.hand_reprojection, "T 42 2", hands),
    Case(e.relaxed_fingers, "T 0 3", lambda w: {"hands": hands(w)["hands"]}),  # with fingers: test_hands.py
    Case(e.limb_direction, "T 10 3", limbs),
    Case(e.head_turn, "T 1 4", head),
    Case(e.face_landmark_rays, "T 51 3", face, free=(*POSE_AND_SHAPE, "expression"), kind="expressive"),
    Case(e.face_reprojection, "T 12 2", face_mesh),
    Case(e.face_reprojection, "T 4 2", lambda w: {**face_mesh(w), "stride": 3}, name="face_reprojection of a third"),
    Case(
        e.face_reprojection, "T 12 2", lambda w: {**face_mesh(w), "reach_deg": 175.0}, name="face_reprojection in reach"
    ),
    Case(e.face_reprojection, "T 12 2", face_mesh, free=SHIFTED, name="face_reprojection against the bones"),
    Case(
        e.face_reprojection,
        "T 12 2",
        lambda w: {**face_mesh(w), "in_metres": True},
        free=(*SURFACE, "expression"),
        kind="expressive",
        name="face_reprojection of the surface in metres",
    ),
    Case(e.surface_reprojection, "T 9 2", surface),
    Case(e.surface_reprojection, "T 9 2", surface, free=SHIFTED, name="surface_reprojection against the bones"),
    Case(
        e.surface_reprojection,
        "T 9 2",
        lambda w: {**surface(w), "in_metres": True},
        free=(*SURFACE, "expression"),
        kind="expressive",
        name="surface_reprojection of the surface in metres",
    ),
    Case(e.joint_positions, "T J 3", lambda w: {"positions": measured(w.posed_body.joints)}),
    Case(
        e.joint_positions,
        "T K 3",
        lambda w: {"positions": measured(w.posed_body.keypoints), "of": "keypoints"},
        name="joint_positions of keypoints",
    ),
    Case(e.silhouette_distance, "T N", fields, zero=1.0, away=0.1),
    Case(
        e.silhouette_distance,
        "T N",
        fields,
        zero=1.0,
        away=0.1,
        free=SHIFTED,
        name="silhouette_distance against the bones",
    ),
    Case(
        e.silhouette_distance,
        "T N",
        lambda w: {**fields(w), "in_metres": True},
        zero=0.02,
        away=0.1,
        free=SURFACE,
        name="silhouette_distance of the surface in metres",
    ),
    Case(e.hands_within, "T 136", beyond, zero=2.0, kind="sticks", away=0.15),
    Case(
        e.hands_within,
        "T 136",
        lambda w: {**beyond(w), "in_metres": True, "usual_m": 0.01},
        zero=0.02,
        kind="sticks",
        away=0.15,
        name="hands_within in metres, where hands stick out",
    ),
    Case(e.silhouette_overlap, "T 15 20", overlap, zero=0.15, away=0.02, free=POSE_AND_SHAPE),
    Case(e.part_segmentation, "T N", part_fields, zero=1.5, kind="sticks", away=0.15),
    Case(e.cone_rays, "1 M 3", cone, free=BOTH_SHAPES, away=0.01),
    Case(e.cone_planes, "1 M", cone, free=BOTH_SHAPES, away=0.01),
    Case(
        e.cone_planes,
        "1 M",
        lambda w: {**cone(w), "by_area": True},
        free=ON_SURFACE,
        away=0.01,
        name="cone_planes by area",
    ),
    Case(e.face_rays, "1 M 3", face_mesh, free=BOTH_SHAPES),
    Case(
        e.face_rays,
        "1 M 3",
        lambda w: {**face_mesh(w), "by_area": True},
        free=ON_SURFACE,
        name="face_rays by area",
    ),
    Case(e.pose_deviation, "T J-1 3", free=(*POSE, "mean_pose"), zero=None),
    Case(
        e.pose_deviation,
        "T J-1 3",
        lambda w: {"looser": {w.body.joint_names[2]: 3.0}},
        free=(*POSE, "mean_pose"),
        zero=None,
        name="pose_deviation with a looser joint",
    ),
    Case(e.still_legs, "T J-1 3", free=(*POSE, "mean_pose"), zero=None),
    Case(
        e.mean_pose_prior,
        "1 J-1 3",
        lambda w: {"pose": torch.eye(3).double().repeat(len(w.body.parents) - 1, 1, 1)},
        free=("mean_pose",),
    ),
    Case(e.mean_pose_prior, "1 J-1 3", free=("mean_pose",), zero=None, name="mean_pose_prior around the A-pose"),
    Case(e.gaussian_pose_prior, "T 69", gaussian, zero=None),
    Case(e.gaussian_pose_prior, "T 69", zero=None, name="gaussian_pose_prior around the A-pose"),
    Case(e.mixture_pose_prior, "T 64", mixture, zero=None),
    Case(e.mixture_pose_prior, "T 64", zero=None, name="mixture_pose_prior of recorded motion"),
    Case(e.joint_limits, "T 9 3", bend=0.5, zero=None),
    Case(e.bending_prior, "T 4", zero=None),
    Case(e.pose_anchor, "T J 3", poses),
    Case(e.place_anchor, "T 3", lambda w: {"places": w.posed_body.transl.clone()}),
    Case(e.pose_change, "T-1 J 3", poses),
    Case(e.place_change, "T-1 3", lambda w: {"places": w.posed_body.transl.clone()}),
    Case(e.view_anchor, "T K 3", lambda w: {"places": w.posed_body.keypoints.clone()}),
    Case(e.people_apart, "T L", kind="sticks", zero=None, least_clips=2),
    Case(e.people_apart, "T L", sizes, kind="sticks", zero=None, least_clips=2, name="people_apart of other sizes"),
    Case(e.depth_order, "T 6", overlaps, zero=None),
    Case(e.depth_order, "T 6", lambda w: {**overlaps(w), **sizes(w)}, zero=None, name="depth_order of other sizes"),
    Case(e.rotation_velocity, "T-1 J 3", timing, zero=None),
    Case(e.rotation_acceleration, "T-2 J 3", timing, zero=None),
    Case(
        e.rotation_acceleration,
        "T-2 J 3",
        lambda w: {**timing(w), "looser": {"hip": 0.1, "spine1": 2.0}},
        zero=None,
        name="rotation_acceleration of steadier joints",
    ),
    Case(e.translation_velocity, "T-1 3", timing),
    Case(e.translation_acceleration, "T-2 3", timing),
    Case(e.rotation_acceleration, "T-2 J 3", shaken_timing, zero=None, name="rotation_acceleration in the world"),
    Case(e.translation_acceleration, "T-2 3", shaken_timing, zero=None, name="translation_acceleration in the world"),
    Case(e.joint_velocity, "T-1 J 3", timing, zero=None),
    Case(e.joint_acceleration, "T-2 J 3", timing, zero=None),
    Case(
        e.joint_acceleration,
        "T-2 1 3",
        lambda w: {**timing(w), "joints": (w.body.joint_names[2], "no joint"), "against_root": True},
        zero=None,
        name="joint_acceleration of one joint against the root",
    ),
    Case(e.foot_contact, "T-1 6 3", lambda w: {**contact(w), **timing(w)}, zero=None),
    Case(
        e.foot_contact,
        "T-1 6 3",
        lambda w: {**contact(w), **timing(w), "where_stepping": True},
        zero=None,
        name="foot_contact where people step",
    ),
    Case(e.feet_on_ground, "T 6", contact, zero=None, least_frames=2),
    Case(e.feet_on_floor, "T 2", slow, zero=None, least_frames=2),
    Case(e.straight_steps, "T-2 2 3", slow, zero=None, least_frames=3),
    Case(e.ground_plane, "T 6", ground, zero=None),
    Case(e.ground_plane, "T 6", contact, zero=None, free=(*POSE, "plane"), name="ground_plane that is unknown"),
    Case(e.self_penetration, "T P", kind="sticks", bend=0.7, zero=None),
    Case(e.shape_prior, "1 B", zero=None),
    Case(e.expression_prior, "T 1", zero=None, free=("expression",), kind="expressive"),
    Case(e.body_height, "1", tall),
    Case(e.surface_shift_prior, "1 J 6", free=("surface_shift",)),
    Case(e.keypoint_bias_prior, "1 K 3", free=("keypoint_bias",)),
    Case(
        e.keypoint_bias_prior,
        "1 K 3",
        known_detector,
        zero=None,
        free=("keypoint_bias",),
        name="keypoint_bias_prior of a detector that is known",
    ),
    Case(e.laplacian, "1 V 3", zero=None, free=ON_SURFACE),
    Case(e.laplacian, "1 V 3", by_part(e.ALLDIECK_LAPLACIAN), zero=None, free=ON_SURFACE, name="laplacian by part"),
    Case(e.laplacian, "1 V 3", by_area(e.CONSENSUS_LAPLACIAN), zero=None, free=ON_SURFACE, name="laplacian by area"),
    Case(
        e.laplacian,
        "1 V 3",
        lambda w: {"may_wear_shoes": True, "shoes": True},
        zero=None,
        free=ON_SURFACE,
        kind="sticks",
        name="laplacian of offsets from shoes",
    ),
    Case(
        e.offset_prior,
        "1 V 3",
        lambda w: {"may_hide_ears": True, "ears_hidden": True},
        zero=None,
        free=ON_SURFACE,
        kind="sticks",
        name="offsets from a head without ears",
    ),
    Case(
        e.offset_prior,
        "1 V 3",
        lambda w: {"held_at": 0.01 * w.body.template},
        zero=None,
        free=ON_SURFACE,
        name="offsets from a body that is moved",
    ),
    Case(e.symmetry, "1 V 3", zero=None, free=ON_SURFACE),
    Case(e.symmetry, "1 V 3", by_part(e.ALLDIECK_SYMMETRY), zero=None, free=ON_SURFACE, name="symmetry by part"),
    Case(e.symmetry, "1 V 3", by_area(None), zero=None, free=ON_SURFACE, name="symmetry by area"),
    Case(e.sliding_prior, "1 V 3", zero=None, free=ON_SURFACE),
    Case(e.sliding_prior, "1 V 3", by_area(None), zero=None, free=ON_SURFACE, name="sliding by area"),
    Case(e.offset_prior, "1 V 3", zero=None, free=ON_SURFACE),
    Case(e.offset_prior, "1 V 3", by_part(e.ALLDIECK_OFFSETS), zero=None, free=ON_SURFACE, name="offset_prior by part"),
    Case(e.offset_prior, "1 V 3", by_area(e.CONSENSUS_OFFSETS), zero=None, free=ON_SURFACE, name="offsets by area"),
    Case(e.edge_length, "1 E", zero=None, free=BOTH_SHAPES, away=0.005),
    Case(
        e.edge_length,
        "1 E",
        lambda w: {"relative": True},
        zero=None,
        free=ON_SURFACE,
        away=0.005,
        name="edge_length in parts",
    ),
    Case(e.normal_consistency, "1 I", zero=None, free=BOTH_SHAPES, away=0.005),
]
SIZES = [((), 1), ((), 4), ((2,), 1), ((2,), 4)]
NAMES = ["one frame", "clip", "frames", "clips"]

every_case = pytest.mark.parametrize("case", CASES, ids=str)
every_size = pytest.mark.parametrize(("batch", "frames"), SIZES, ids=NAMES)


@every_case
@every_size
def test_shape_and_zero_at_the_truth(case, batch, frames):
    EnergyTester(case, batch, frames).check_truth()


@every_case
@every_size
def test_derivatives_and_kernels(case, batch, frames):
    EnergyTester(case, batch, frames).check_derivatives()


@pytest.mark.parametrize("case", [case for case in CASES if "offsets" in case.free], ids=str)
def test_derivatives_to_offsets(case):
    EnergyTester(case, (), 4).check_offset_jacobian()


@every_case
def test_bad_input_names_term_and_field(case):
    EnergyTester(case, (), 4).check_bad_input()


def test_every_term_is_tested():
    tested = {case.energy.__name__ for case in CASES}
    assert tested == {name for name in e.__all__ if isinstance(getattr(e, name), e.Energy)}
