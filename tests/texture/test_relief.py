"""An egg with folds turns under fixed light: folds are told from paint, and from a shadow in one frame alone."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from toy_body import toy_body, turning_state

from fit_avatar.appearance.atlas import Atlas
from fit_avatar.appearance.light import lighting_normals
from fit_avatar.appearance.log_light import LogLight
from fit_avatar.appearance.mean_texture import MeanTexture
from fit_avatar.body.averaging import Averaging
from fit_avatar.body.mesh import vertex_normals
from fit_avatar.body.operators import adjacency
from fit_avatar.body.skinning import pose_body
from fit_avatar.texture import Relief, find_displacement, find_relief
from fit_avatar.visibility.views import viewing_cosine

FloatArray = NDArray[np.float32]
EGG = toy_body()
BODY = replace(EGG, lbs_weights=torch.eye(len(EGG.parents))[:1].repeat(len(EGG.template), 1))  # it turns as a whole
STATE = replace(turning_state(BODY, 16, bend=0.0), offsets=torch.zeros_like(BODY.template))
AVERAGING = Averaging.of(adjacency(BODY.faces.numpy(), len(BODY.template)), torch.device("cpu"))
SIZE = 192
LIGHT = LogLight(torch.tensor([0.35, -0.3, -0.25, 0.05, 0.0, 0.05, 0.05, 0.0]), torch.zeros(0))


@dataclass
class Turn:
    """What a turn shows of the egg."""

    samples: MeanTexture
    normals: Tensor  # [T, V, 3]

    def relief(self) -> Relief:
        return find_relief(BODY, STATE, self.samples, self.normals, AVERAGING)

    def heights(self) -> FloatArray:
        return find_displacement(self.relief(), BODY, STATE)


def bumps() -> NDArray[np.float64]:
    """Heights in metres: folds that hang, 8 cm apart, bent. [SIZE, SIZE]"""
    y, x = np.mgrid[:SIZE, :SIZE] * 2 * np.pi / 14
    return 0.002 * np.cos(x + 0.2 * y)


def turn(heights: NDArray[np.float64], albedo: FloatArray) -> Turn:
    """Show the egg, with these heights and grey levels, in all frames. [SIZE, SIZE] each"""
    atlas = Atlas.of(BODY, SIZE)
    vertices = pose_body(BODY, STATE).vertices
    normals = vertex_normals(vertices, BODY.faces)
    smooth_normals = lighting_normals(normals, AVERAGING)
    samples = MeanTexture(atlas)
    for t in range(len(vertices)):
        place, smooth = (atlas.to_image(atlas.interpolate(values[t])).numpy() for values in (vertices, smooth_normals))
        smooth /= np.maximum(np.linalg.norm(smooth, axis=2, keepdims=True), 1e-6)

        def across(points: FloatArray, smooth: FloatArray = smooth) -> FloatArray:
            outside = np.cross(np.gradient(points, axis=1), np.gradient(points, axis=0))
            outside *= np.sign((outside * smooth).sum(axis=2, keepdims=True))
            return outside / np.maximum(np.linalg.norm(outside, axis=2, keepdims=True), 1e-12)

        def lit(normal: FloatArray) -> FloatArray:
            return LIGHT.at(torch.from_numpy(normal).float()).exp().numpy()

        shown = albedo * lit(smooth) * lit(across(place + smooth * heights[..., None])) / lit(across(place))
        grey = shown.ravel()[atlas.arrays.texel, None] * [1.1, 1.0, 0.8]
        samples.colours[t] = torch.from_numpy(np.rint(grey).clip(0, 255).astype(np.uint8))
        cosine = atlas.interpolate(viewing_cosine(vertices[t], normals[t])[:, None])[:, 0]
        samples.weights[t] = torch.where(cosine > 0.25, cosine**2, 0).half()
    return Turn(samples, normals)


GREY = np.full((SIZE, SIZE), 130, np.float32)
CHECKS = np.where((np.indices((SIZE, SIZE)) % 14 < 7).all(axis=0), 150, 75).astype(np.float32)


@pytest.fixture(scope="module")
def bumpy() -> Turn:
    return turn(bumps(), GREY)


@pytest.fixture(scope="module")
def found(bumpy: Turn) -> FloatArray:
    return bumpy.heights()


@pytest.fixture(scope="module")
def plain() -> FloatArray:
    """What is found of an egg without bumps: that the mesh is coarse."""
    return turn(0 * bumps(), GREY).heights()


def test_folds_stand_out_where_they_do(found: FloatArray, plain: FloatArray) -> None:
    side = np.zeros((SIZE, SIZE), bool)
    side[SIZE * 4 // 10 : SIZE * 8 // 10] = True  # not near the poles of the map
    side &= found != 0
    assert side.sum() > 8000
    ours = (found - plain)[side]
    assert np.corrcoef(ours, bumps()[side])[0, 1] > 0.9
    assert 0.1 < ours.std() / bumps()[side].std() < 1  # in doubt they are shallow


def test_grey_paint_is_no_fold(found: FloatArray, plain: FloatArray) -> None:
    painted = turn(0 * bumps(), CHECKS).heights()
    assert (painted - plain).std() < 0.3 * (found - plain).std()


def test_folds_are_found_below_paint(found: FloatArray, plain: FloatArray) -> None:
    painted = turn(bumps(), CHECKS).heights()
    assert np.corrcoef((painted - plain)[found != 0], (found - plain)[found != 0])[0, 1] > 0.9


def test_a_shadow_in_one_frame_is_no_fold(bumpy: Turn, found: FloatArray, plain: FloatArray) -> None:
    rows = bumpy.samples.atlas.arrays.texel // SIZE
    t = 3
    colours = bumpy.samples.colours[t].clone()
    colours[(rows > 60) & (rows < 66)] //= 2
    shadowed = replace(bumpy.samples, colours={**bumpy.samples.colours, t: colours})
    changed = replace(bumpy, samples=shadowed).heights() - found
    assert changed.std() < 0.2 * (found - plain).std()


def test_what_is_not_seen_and_the_face_stay_flat(bumpy: Turn) -> None:
    none = {t: 0 * weight for t, weight in bumpy.samples.weights.items()}
    unseen = replace(bumpy, samples=replace(bumpy.samples, weights=none))
    assert not unseen.relief().known.any() and not unseen.heights().any()
    weights = BODY.part_weights.clone()
    weights[BODY.part_names.index("face")] = 1
    assert not find_displacement(bumpy.relief(), replace(BODY, part_weights=weights), STATE).any()
    empty = MeanTexture(bumpy.samples.atlas)
    assert not replace(bumpy, samples=empty).relief().known.any()
