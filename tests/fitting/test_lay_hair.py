"""Hair that hangs behind the head is found where the masks show it, and only there."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from synthetic import CAMERA, turning_person

from fit_avatar.body import BodyState, load_body, pose_body
from fit_avatar.body.below_hair import below_hair, below_long_hair
from fit_avatar.body.hair_tube import tube_of
from fit_avatar.body.hanging_hair import HangingHair, is_hair, with_hair
from fit_avatar.body.mesh import vertex_normals
from fit_avatar.body.model import Body
from fit_avatar.body.skinning import local_rotations, shaped, skin
from fit_avatar.capture import Capture
from fit_avatar.fitting import Context, FitState, LayHair, Observations, preset
from fit_avatar.fitting.behind_head import VOXEL_M, carve, seen_around
from fit_avatar.fitting.hair_rings import AROUND, rings_around
from fit_avatar.fitting.usual_pose import UsualPose
from fit_avatar.visibility.raster import silhouette

HEAD, THICK_M, LENGTH_M = "head", 0.03, 0.24


@pytest.fixture(scope="module")
def body() -> Body:
    """The default body: one with a head."""
    return load_body(3)


@pytest.fixture(scope="module")
def person(body: Body) -> BodyState:
    return turning_person(body, 16, first_yaw=0.0).state


@pytest.fixture(scope="module")
def ponytail(body: Body, person: BodyState) -> HangingHair:
    """A straight tube that begins inside the back of the head."""
    skin = shaped(body, person.betas).double()
    level = joint(body, person)[1]
    back = float(skin[(skin[:, 1] > level) & (skin[:, 0].abs() < 0.03), 2].min())
    height = torch.arange(float(level) + 0.06, float(level) + 0.06 - LENGTH_M, -0.02)
    angle = -2 * torch.pi * torch.arange(24) / 24
    x, z = (THICK_M * f(angle).expand(len(height), -1) for f in (torch.cos, torch.sin))
    rings = torch.stack([x, height[:, None].expand(-1, 24), z + back - THICK_M / 2], -1)
    return tube_of(body, rings.float(), person.betas)


def joint(body: Body, state: BodyState, name: str = HEAD) -> torch.Tensor:
    index = body.joint_names.index(name)
    return (body.joint_template[index] + body.joint_basis[index, :, : len(state.betas)] @ state.betas).double()


def seen_as(body: Body, state: BodyState, worn: Body) -> tuple[FitState, Context]:
    """Return the true poses of a body as a fit, and the masks of the body with what it wears."""
    posed = pose_body(worn, replace(state, offsets=torch.zeros_like(worn.template)))
    masks = np.stack([silhouette(v, worn.faces, CAMERA).numpy() for v in posed.vertices])
    count = len(masks)
    keypoints = CAMERA.project(torch.einsum("kv,tvc->tkc", worn.keypoint_regressor, posed.vertices)).numpy()
    keypoints = np.concatenate([keypoints, np.ones((count, 25, 1))], -1).astype(np.float32)
    capture = Capture(np.arange(count), keypoints, masks, CAMERA, np.ones(count, np.float32), 30.0)
    seen = Observations.of(capture, torch.device("cpu"))
    start = FitState.upright(body, count)
    clip = replace(
        start.clip, rotations=local_rotations(state), transl=state.transl, betas=state.betas,
        offsets=torch.zeros_like(body.template),
    )  # fmt: skip
    return replace(start, clip=clip), Context(body, lambda: seen)


@pytest.fixture(scope="module")
def with_ponytail(body: Body, person: BodyState, ponytail: HangingHair) -> tuple[FitState, Context]:
    return seen_as(body, person, with_hair(body, ponytail))


def test_a_ponytail_is_found_where_it_hangs(body, person, ponytail, with_ponytail):
    state, context = with_ponytail
    after = LayHair().run(state, context)
    assert after.hair is not None
    found, true = after.hair.vertices, ponytail.vertices
    assert found[..., 1].amin() == pytest.approx(float(true[..., 1].amin()), abs=0.04)
    assert found[..., 1].amax() == pytest.approx(float(true[..., 1].amax()), abs=0.05)
    assert found[..., 2].amin() == pytest.approx(float(true[..., 2].amin()), abs=0.012)
    assert found[..., 0].abs().amax() < THICK_M + 0.03  # a pixel is 7 mm


def test_the_state_is_that_of_the_body_with_hair(body, person, with_ponytail):
    state, context = with_ponytail
    after = LayHair().run(state, context)
    worn = after.worn(context.body)
    assert len(after.clip.offsets) == len(worn.template)
    assert not after.clip.offsets[torch.from_numpy(is_hair(worn))].any()
    posed = pose_body(worn, after.clip.body_state(worn))
    assert posed.vertices.isfinite().all()
    assert LayHair(name="again").run(after, context.wearing(after)) is after


def test_the_masks_are_explained_better(body, person, with_ponytail):
    state, context = with_ponytail
    after = LayHair().run(state, context)
    worn, masks = after.worn(context.body), context.observations.masks

    def missed(one: Body, clip) -> int:
        vertices = pose_body(one, clip.body_state(one)).vertices
        drawn = [silhouette(v, one.faces, CAMERA).numpy() for v in vertices]
        return sum(int((a != b).sum()) for a, b in zip(drawn, masks, strict=True))

    assert missed(worn, after.clip) < 0.4 * missed(body, state.clip)


def test_without_hair_that_hangs_the_state_is_the_same(body, person):
    state, context = seen_as(body, person, body)
    assert LayHair().run(state, context) is state


def test_from_in_front_alone_nothing_is_taken_for_hair(body, person, with_ponytail):
    state, context = with_ponytail
    assert seen_around(person, context.observations)
    front = person.global_orient[:1].expand(16, -1)
    clip = replace(state.clip, rotations=local_rotations(replace(person, global_orient=front)))
    few = replace(state, clip=clip)
    assert not seen_around(clip.body_state(body), context.observations)
    assert LayHair().run(few, context) is few


def test_before_a_shape_nothing_is_laid(body, with_ponytail):
    state, context = with_ponytail
    bare = replace(state, clip=replace(state.clip, offsets=None))
    assert LayHair().run(bare, context) is bare


def test_hair_that_has_drawn_the_back_out_is_taken_out_of_it(body, person, ponytail, with_ponytail):
    state, context = with_ponytail
    naked = shaped(body, person.betas).double().numpy()
    below = below_hair(body, naked, ponytail.vertices.double().numpy())
    middle = below & (np.abs(naked[:, 0]) < 0.03)
    drawn = torch.zeros_like(body.template)
    drawn[torch.from_numpy(middle), 2] = -0.01
    after = LayHair().run(replace(state, clip=replace(state.clip, offsets=drawn)), context)
    left = after.clip.offsets[: len(body.template)][torch.from_numpy(middle), 2]
    assert left.abs().mean() < 0.002


def test_the_person_is_filled_and_the_room_is_not(body, person):
    _, context = seen_as(body, person, body)
    found = carve(UsualPose.of(body, person), person, context.observations)
    out, _, _ = found.outside(np.zeros_like(body.template.numpy(), np.float64))
    assert np.percentile(out, 90) < VOXEL_M
    assert found.filled[:, :100].any((0, 2)).all()  # up to the neck
    assert not found.filled[:, :, 0].any()


def test_rings_go_around_what_they_are_laid_around():
    axis = VOXEL_M * np.arange(30)
    places = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1)
    away = np.hypot(places[..., 0] - axis[15], places[..., 2] - axis[12])
    hair = (away < 0.04) & (places[..., 1] > axis[5]) & (places[..., 1] < axis[25])
    none, before = np.zeros_like(hair), (places[..., 2] > axis[12] + 0.03) & (away > 0.045)  # so that it is not free
    rings = rings_around(places, hair, before, none)
    assert rings.shape[1:] == (AROUND, 3)
    assert (np.diff(rings[:, 0, 1]) < 0).all()  # from the top down
    radius = np.hypot(rings[2:-2, :, 0] - axis[15], rings[2:-2, :, 2] - axis[12])
    np.testing.assert_allclose(radius, 0.04, atol=0.006)
    x, z = rings[:, :, 0], rings[:, :, 2]
    area = (x * np.roll(z, -1, 1) - np.roll(x, -1, 1) * z).sum(1) / 2
    assert (area < 0).all()  # against the clock, as seen from above
    assert rings_around(places, hair & (places[..., 1] > axis[22]), before, none) is None


@pytest.fixture(scope="module")
def tied() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return cubes, a slanted tail behind a round head, above a back, with the wedge between it and the head."""
    axis = VOXEL_M * np.arange(70)
    places = np.stack(np.meshgrid(axis[:40], axis, axis[:50], indexing="ij"), -1)
    x, y, z = np.moveaxis(places, -1, 0)
    inside = np.hypot(np.hypot(x - 0.12, y - 0.34), z - 0.25) < 0.1
    inside |= (y < 0.16) & (z > 0.14)
    slant = x - 0.12 - 0.1 * (y - 0.2)
    hair = (np.hypot(slant, z - 0.12) < 0.025) & (y > 0.06) & (y < 0.36)
    wedge = (np.abs(slant) < 0.045) & (z > 0.1) & (z < 0.25) & (y > 0.29) & (y < 0.36)
    beside = (np.abs(slant) < 0.06) & (z > 0.11) & (z < 0.14) & (y > 0.06) & (y < 0.16)
    return places, (hair | wedge | beside) & ~inside, inside


def test_a_tail_begins_inside_the_head(tied):
    places, hair, inside = tied
    rings = rings_around(places, hair, inside, inside)
    assert np.hypot(*(rings[0].mean(0) - [0.13, 0.34, 0.25])[1:]) < 0.1  # inside the head
    assert np.ptp(rings[0, :, 2]) < 0.003 and np.ptp(rings[0, :, 1]) > 0.03  # looks to the front
    assert rings[:, :, 1].max() == pytest.approx(0.36, abs=0.012)
    step = np.linalg.norm(np.diff(rings.mean(1), axis=0), axis=1)
    assert step.max() < 0.03
    assert np.linalg.norm(np.diff(rings, axis=0), axis=-1).min() > 0.001  # no triangle without an area


def test_a_tail_is_no_wider_than_where_it_hangs_free(tied):
    places, hair, inside = tied
    rings = rings_around(places, hair, inside, inside)
    level, width = rings[:, :, 1].mean(1), np.ptp(rings[:, :, 0], axis=1)
    free = np.median(width[(level > 0.2) & (level < 0.26)])
    assert free == pytest.approx(0.05, abs=0.008)
    assert width.max() < free + 2 * VOXEL_M and width[-1] < 0.7 * free
    assert width[0] == pytest.approx(0.8 * free, abs=0.006)  # tied
    middle = rings[:, :, 0].mean(1)
    upright = level[1:-1], middle[1:-1]
    assert np.polyfit(*upright, 1)[0] == pytest.approx(0.1, abs=0.05)


def test_a_tail_that_lies_on_the_back_all_along_stays_as_it_is(tied):
    places, hair, inside = tied
    low = hair & (places[..., 1] < 0.16)
    rings = rings_around(places, low, inside, inside)
    assert np.ptp(rings[:, :, 1], axis=1).max() == 0  # horizontal
    assert np.ptp(rings[3, :, 0]) > 0.1


def test_long_hair_is_taken_out_of_the_neck_that_it_has_drawn_out(body, person, monkeypatch):
    state, context = seen_as(body, person, body)
    naked = shaped(body, person.betas).double().numpy()
    drawn = 0.02 * vertex_normals(naked, body.faces.numpy()) * below_long_hair(body, naked)[:, None]
    wide = replace(state, clip=replace(state.clip, offsets=torch.from_numpy(drawn).float()))
    with monkeypatch.context() as patch:
        patch.setattr(Observations, "hair_behind", torch.tensor(True))
        after = LayHair().run(wide, context)
    assert after.hair is not None
    assert after.clip.offsets[: len(naked)].norm(dim=1).max() < 0.001
    outside = after.hair.vertices[: len(after.hair.vertices) // 2].double().numpy()
    distance = np.linalg.norm(naked[None] - outside[:, None], axis=2).min(1)
    assert np.median(distance) > 0.012
    assert LayHair().run(wide, context) is wide  # where outlines do not show it


def test_long_hair_goes_down_to_the_skin_smoothly(body, person, monkeypatch):
    state, context = seen_as(body, person, body)
    naked = shaped(body, person.betas).double().numpy()
    normals = vertex_normals(naked, body.faces.numpy())
    hidden = below_long_hair(body, naked)
    thick = np.clip((naked[:, 1] - naked[hidden, 1].min()) / 0.1, 0, 1)  # less and less towards its lower end
    drawn = 0.015 * (hidden * thick)[:, None] * normals
    wide = replace(state, clip=replace(state.clip, offsets=torch.from_numpy(drawn).float()))
    with monkeypatch.context() as patch:
        patch.setattr(Observations, "hair_behind", torch.tensor(True))
        hair = LayHair().run(wide, context).hair
    outside = hair.vertices[: len(hair.vertices) // 2].double().numpy()
    nearest = np.linalg.norm(naked[None] - outside[:, None], axis=2).argmin(1)
    off = ((outside - naked[nearest]) * normals[nearest]).sum(1)
    assert off.max() > 0.01 and off.min() == pytest.approx(-0.002, abs=0.0015)
    faces = hair.faces[(hair.faces < len(outside)).all(1)].numpy()
    low = (outside[:, 1] < naked[hidden, 1].min() + 0.08) & (normals[nearest, 2] < -0.6)
    over = off[faces[low[faces].all(1)]]
    edge = (over > 0).any(1) & (over < 0).any(1)  # where it comes out of the skin
    assert edge.sum() > 5 and np.median(over[edge].max(1)) < 0.005  # no step


def test_the_pose_in_which_hair_is_compared_is_the_mean(body, person):
    pose = UsualPose.of(body, person)
    torch.testing.assert_close(pose.skeleton.rotations[0, 0], torch.eye(3))
    hair = pose.head + np.array([[0.0, 0.05, -0.1], [0.02, -0.2, -0.12]])
    bound = pose.in_bind_pose(hair)
    weights = pose.hair_weights(torch.from_numpy(hair[:, 1]))
    back = skin(pose.skeleton, torch.from_numpy(bound).float(), weights)[0]
    np.testing.assert_allclose(back.numpy(), hair, atol=1e-5)
    assert pose.surface(np.zeros((len(body.template), 3))).shape == (len(body.template), 3)


def test_the_default_method_lays_hair_last():
    assert isinstance(preset("video-avatar").actions[-1], LayHair)
