"""The face is painted from few frames, each aligned by the points that were found on it."""

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pretend_device import DEVICE, PretendDevice, moved

from fit_avatar.appearance.atlas import Atlas
from fit_avatar.body.default_body import read_default
from fit_avatar.body.face_points import face_points
from fit_avatar.body.model import Body
from fit_avatar.body.operators import connected_components
from fit_avatar.body.skinning import pose_body
from fit_avatar.body.state import BodyState
from fit_avatar.capture.types import Camera, Capture
from fit_avatar.texture import bake
from fit_avatar.texture.face import first_of
from fit_avatar.texture.face_frames import EYELIDS, FACE_HEIGHT, select_face_frames
from fit_avatar.texture.face_merge import merge_faces
from fit_avatar.texture.face_misfit import face_misfit
from fit_avatar.texture.face_rims import EYES, on_rims
from fit_avatar.texture.face_warp import face_shift, face_weight
from fit_avatar.texture.interior import fill_interior, interior
from fit_avatar.visibility.raster import rasterize

FloatArray = NDArray[np.float32]
CAMERA = Camera(fx=900.0, fy=900.0, cx=160.0, cy=120.0, width=320, height=320)
SIZE = 512
OFF_M = 0.004
"""How far the fit is beside the person."""


@pytest.fixture(scope="module")
def body() -> Body:
    return read_default(num_betas=2)


@pytest.fixture(scope="module")
def inside(body: Body) -> NDArray[np.bool_]:
    points = face_points(body)
    assert points is not None
    return interior(body, points)


def turned(angles_deg: list[float], opening: float = 0.05) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Centre, direction and points of faces, 100 pixels high."""
    angle = np.radians(angles_deg)
    centre = np.tile([0.0, 0.0, 2.0], (len(angle), 1)).astype(np.float32)
    forward = np.stack([np.sin(angle), 0 * angle, -np.cos(angle)], 1).astype(np.float32)
    points = np.ones((len(angle), 468, 3), np.float32)
    points[:, FACE_HEIGHT[1], 1] = points[:, FACE_HEIGHT[0], 1] + 100
    for upper, lower in EYELIDS:
        points[:, lower, 1] = points[:, upper, 1] + 100 * opening
    return centre, forward, points


def test_frames_from_the_front_with_open_eyes_are_chosen() -> None:
    centre, forward, points = turned([-70, -20, -18, -1, 0, 1, 20, 70, 180])
    for upper, lower in EYELIDS:
        points[4, lower, 1] = points[4, upper, 1] + 1  # a blink
    rating = select_face_frames(centre, forward, points, np.ones(9, np.float32))
    assert next(iter(rating)) in (3, 5) and set(list(rating)[1:]) == {2, 6}
    assert list(rating.values()) == sorted(rating.values(), reverse=True)


def test_small_and_unknown_faces_are_not_painted_from() -> None:
    centre, forward, points = turned([0, 1])
    assert select_face_frames(centre, forward, points * [0.1, 0.1, 1], np.ones(2, np.float32)) == {}
    assert select_face_frames(centre, forward, points * [1, 1, 0.1], np.ones(2, np.float32)) == {}


def standing(body: Body, angles_deg: list[float], x: float = 0.0) -> BodyState:
    """The body in front of the camera, which sees its head, turned about the vertical."""
    count = len(angles_deg)
    half = np.radians(angles_deg) / 2  # after half a turn about x, as the camera's axes are
    upside = torch.tensor(np.stack([np.pi * np.cos(half), 0 * half, np.pi * np.sin(half)], 1), dtype=torch.float32)
    place = torch.tensor([[x, float(body.template[:, 1].amax()) - 0.12, 2.0]]).float().repeat(count, 1)
    offsets = torch.zeros(len(body.template), 3)
    return BodyState(torch.zeros(2), offsets, upside, torch.zeros(count, 23, 3), place)


def test_the_shift_between_points_and_picture_is_found(body: Body) -> None:
    points = face_points(body)
    assert points is not None
    fitted, true = (pose_body(body, standing(body, [10.0], x)).vertices[0].numpy() for x in (0.0, OFF_M))
    found = np.ones((468, 3), np.float32)
    found[points.index, :2] = CAMERA.project(points.on(true))
    on = np.flatnonzero(face_weight(body, points) > 0.9)
    faces = body.faces.numpy()
    places, wanted = CAMERA.project(fitted[on]), CAMERA.project(true[on])
    elsewhere = (found + [400, 0, 0]).astype(np.float32)
    unsure = (found * [1, 1, 0]).astype(np.float32)
    shift = face_shift(points, found, fitted, faces, CAMERA, places)
    assert shift is not None
    lids = np.isin(on, points.corners[np.isin(points.index, EYES)])  # which are taken a little wider
    assert np.abs(shift - (wanted - places))[~lids].mean() < 0.2 < np.abs(wanted - places).mean()
    assert face_shift(points, elsewhere, fitted, faces, CAMERA, places) is None
    assert face_shift(points, unsure, fitted, faces, CAMERA, places) is None


def test_points_of_the_eyes_lie_on_the_edges_of_the_lids(body: Body, inside: NDArray[np.bool_]) -> None:
    points = face_points(body)
    assert points is not None
    moved = on_rims(body, points, inside)
    faces = body.faces.numpy()
    edge = np.intersect1d(faces[inside], faces[~inside])
    eyes = np.isin(points.index, EYES)
    assert eyes.sum() > 25 and np.isin(moved.corners[eyes], edge).all()
    assert np.array_equal(moved.corners[~eyes], points.corners[~eyes])
    template = body.template.double().numpy()
    assert np.linalg.norm(moved.on(template) - points.on(template), axis=1).max() < 0.008


def test_merging_takes_the_mean_light_and_stays_sharp() -> None:
    rng = np.random.default_rng(0)
    noise = cv2.GaussianBlur(rng.uniform(0, 255, (160, 160, 3)), (0, 0), 3)
    best = (noise * 3 - 250).astype(np.float32)
    shifted = (np.roll(best, 2, axis=1) * 0.8 + 15).astype(np.float32)
    known = np.ones((160, 160), np.float32)
    merged, total = merge_faces([best, shifted], [known, known])
    middle = (slice(20, -20),) * 2
    plain = (best + shifted) / 2
    light = [cv2.GaussianBlur(picture, (0, 0), 10) for picture in (merged, plain, best)]
    assert np.abs(light[0] - light[1])[middle].mean() < 1
    detail, blurred, sharp = merged - light[0], plain - light[1], best - light[2]
    assert np.abs(detail - sharp)[middle].mean() < 0.5 * np.abs(blurred - sharp)[middle].mean()
    assert total[middle].min() == pytest.approx(2)
    half = known.copy()
    half[:, :80] = 0
    merged, _ = merge_faces([best, best + 40], [half, known])
    brighter = (merged - best)[middle].mean(axis=(0, 2))
    assert brighter.min() > 15 and brighter.max() < 45 and np.abs(np.diff(brighter)).max() < 2  # no edge between them


def test_what_nobody_sees_of_eyes_and_mouth_is_plausible(body: Body, inside: NDArray[np.bool_]) -> None:
    atlas = Atlas.of(body, 2048)
    skin = np.tile(np.array([180, 130, 110], np.float32), (len(atlas.arrays.texel), 1))
    seen = ~inside[atlas.arrays.face]
    piece = connected_components(body.faces.numpy(), len(body.template))
    kind = piece[body.faces.numpy()[:, 0]][atlas.arrays.face]
    x = atlas.interpolate(body.template.numpy())[:, 0]
    pairs = np.array([abs(body.template[piece == each, 0].mean()) > 0.01 for each in range(piece.max() + 1)])
    eyes = inside[atlas.arrays.face] & pairs[kind]
    filled = fill_interior(body, inside, atlas, skin, seen)
    assert np.array_equal(filled[seen], skin[seen])
    assert filled[eyes].mean() > skin.mean() and np.ptp(filled[eyes].mean(0)) < np.ptp(skin[0])  # white
    mouth = inside[atlas.arrays.face] & (np.abs(x) < 0.01)
    assert filled[mouth].mean() < 0.9 * skin.mean()

    iris = np.array([40, 90, 40], np.float32)
    away = atlas.interpolate(body.template.numpy())
    for side in (-1, 1):
        mine = np.flatnonzero(eyes & (np.sign(x) == side))
        centre = body.template.numpy()[piece == kind[mine[0]]].mean(0)
        from_axis = np.linalg.norm((away[mine] - centre)[:, :2], axis=1)
        in_iris = (from_axis < 0.006) & (away[mine, 2] > centre[2])
        seen[mine[in_iris & (away[mine, 1] < centre[1])]] = True  # the lid covers the upper half
        skin[mine[in_iris]] = iris
    filled = fill_interior(body, inside, atlas, np.where(seen[:, None], skin, 0).astype(np.float32), seen)
    upper = eyes & ~seen & (skin == iris).all(1)
    assert upper.sum() > 3 and np.abs(filled[upper] - iris).mean() < 25


def filmed(body: Body, painted: NDArray[np.uint8], points: bool) -> tuple[Capture, list[tuple[int, NDArray[np.uint8]]]]:
    """Pictures of a person who stands a little beside the fit, and masks of the fit."""
    angles = [-20.0, 0.0, 20.0]
    masks, frames, found = [], [], np.ones((3, 468, 3), np.float32)
    on_body = face_points(body)
    assert on_body is not None
    true = pose_body(body, standing(body, angles, OFF_M)).vertices
    for t, vertices in enumerate(true):
        raster = rasterize(vertices, body.faces, CAMERA, cull_backfaces=True)
        uv = raster.interpolate(body.uvs, body.uv_faces).numpy()
        places = np.stack([uv[..., 0], 1 - uv[..., 1]], -1).astype(np.float32) * len(painted) - 0.5
        frames.append((t, np.ascontiguousarray(cv2.remap(painted, places, None, cv2.INTER_LINEAR)[..., ::-1])))
        masks.append(np.ones((CAMERA.height, CAMERA.width), bool))
        found[t, on_body.index, :2] = CAMERA.project(on_body.on(vertices.double().numpy()))
    capture = Capture(
        np.arange(3), np.zeros((3, 25, 3), np.float32), np.stack(masks), CAMERA, np.ones(3, np.float32),
        point_sets={"face_468": found} if points else {},
    )  # fmt: skip
    return capture, frames


def test_the_misfit_is_that_of_the_features(body: Body) -> None:
    points = face_points(body)
    assert points is not None
    angles = [-20.0, 0.0, 20.0]
    fitted = pose_body(body, standing(body, angles)).vertices.numpy()
    for off, far in ((0.0, 0.0), (0.008, 0.008)):
        found = np.ones((3, 468, 3), np.float32)
        true = pose_body(body, standing(body, angles, off)).vertices.double().numpy()
        found[:, points.index, :2] = [CAMERA.project(points.on(each)) for each in true]
        assert face_misfit(points, found[[1, 0, 2]], fitted[[1, 0, 2]], body.faces.numpy(), CAMERA) == pytest.approx(
            far, abs=1e-3
        )


def test_features_of_the_picture_come_to_lie_on_those_of_the_body(body: Body, inside: NDArray[np.bool_]) -> None:
    y, x = np.mgrid[:SIZE, :SIZE]
    pattern = 120 + 70 * np.sin(x / 4) * np.cos(y / 4)
    painted = np.stack([pattern, np.full_like(pattern, 90), 200 - pattern], -1).clip(0, 255).astype(np.uint8)
    state, errors = standing(body, [-20.0, 0.0, 20.0]), {}
    points = face_points(body)
    assert points is not None
    atlas = Atlas.of(body, SIZE)
    weight = atlas.interpolate(face_weight(body, points)[:, None])[:, 0]
    front = (weight > 0.9) & ~inside[atlas.arrays.face]
    for known in (False, True):
        capture, frames = filmed(body, painted, known)
        texture = bake(body, state, capture, iter(frames), size=SIZE)
        wrong = np.abs(texture.image.astype(float) - painted).mean(-1).ravel()[atlas.arrays.texel]
        errors[known] = np.median(wrong[front & (texture.origin.ravel()[atlas.arrays.texel] == 1)])
    assert errors[True] < 0.6 * errors[False]


def test_the_face_is_painted_on_the_body_s_device(body: Body) -> None:
    y, x = np.mgrid[:SIZE, :SIZE]
    painted = np.stack([x % 200, 90 + 0 * x, y % 180], -1).astype(np.uint8)
    state, (capture, frames) = standing(body, [-20.0, 0.0, 20.0]), filmed(body, painted, True)
    expected = bake(body, state, capture, iter(frames), size=SIZE // 2)
    with PretendDevice():
        found = bake(body.to(DEVICE), moved(state), capture, iter(frames), size=SIZE // 2)
    assert np.abs(found.image.astype(int) - expected.image).max() <= 1


def test_eyes_come_from_the_best_frame_as_far_as_it_shows_them() -> None:
    best, other = np.full((3, 3), 10, np.float32), np.full((3, 3), 90, np.float32)
    seen, more = np.array([0.1, 0.0, 0.1], np.float32), np.array([0.9, 0.9, 0.0], np.float32)
    colours, weights = first_of([(best, seen), (other, more)])
    np.testing.assert_allclose(colours[:, 0], [10, 90, 10])
    np.testing.assert_allclose(weights, [0.1, 0.9, 0.1])
