"""Bumps that are known, under light that is known, are found again in their shading."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from toy_body import toy_body, turning_state

from fit_avatar.appearance.atlas import Atlas
from fit_avatar.appearance.light import Light
from fit_avatar.body.mesh import vertex_normals
from fit_avatar.body.skinning import pose_body
from fit_avatar.texture import DISPLACEMENT, Texture, find_displacement
from fit_avatar.texture.displacement import integrate_slopes, separate_shading
from fit_avatar.visibility.views import viewing_cosine

SPACING_M = 0.0015
BODY = toy_body()
STATE = turning_state(BODY, 4, bend=0.0)
SIZE = 768


def bumps(size: int, wavelength: float) -> NDArray[np.float64]:
    """Heights in units of their amplitude, as pits and hills. [size, size]"""
    y, x = np.mgrid[:size, :size] * 2 * np.pi / wavelength
    return np.cos(x) * np.cos(y)


def recovered(colours: NDArray[np.float32], brighter: tuple[float, float]) -> NDArray[np.float32]:
    """Heights in metres of a flat, square piece. [S, S]"""
    mask = np.ones(colours.shape[:2], bool)
    shading, confidence = separate_shading(colours, mask, SPACING_M)
    count = mask.sum()
    light = np.broadcast_to(np.array(brighter, np.float32), (count, 2))
    axes = np.broadcast_to(np.eye(2, dtype=np.float32), (count, 2, 2))
    return SPACING_M * integrate_slopes(mask, axes, light, shading.ravel(), confidence.ravel()).reshape(mask.shape)


def shaded(heights: NDArray[np.float64], brighter: tuple[float, float], hue: tuple[float, float, float]):
    """Colours of a flat piece with these heights (metres), as stored in eight bits. [S, S, 3]"""
    down, right = np.gradient(heights, SPACING_M)
    return np.rint(np.exp(-brighter[0] * right - brighter[1] * down)[..., None] * hue).astype(np.float32)


@pytest.mark.parametrize("direction_deg", [0, 25, -25])
@pytest.mark.parametrize("wavelength_mm", [18, 25, 35])
def test_normals_of_folds_across_the_light_come_back(wavelength_mm: float, direction_deg: float) -> None:
    light = (0.5, 0.0)  # folds along the light are shaded nowhere, so nothing tells of them
    y, x = np.mgrid[:160, :160] * SPACING_M
    across = np.cos(np.radians(direction_deg)) * x + np.sin(np.radians(direction_deg)) * y
    heights = 0.04 * wavelength_mm / 1000 * np.cos(2000 * np.pi / wavelength_mm * across)
    found = recovered(shaded(heights, light, (120, 90, 60)), light)
    true, ours = (np.stack(np.gradient(h, SPACING_M))[:, 30:-30, 30:-30] for h in (heights, found))
    normals = (np.stack([-s[1], -s[0], np.ones_like(s[0])]) / np.sqrt(1 + (s**2).sum(0)) for s in (true, ours))
    apart = np.degrees(np.arccos(np.clip((next(normals) * next(normals)).sum(0), -1, 1)))
    steepness = np.degrees(np.arctan(np.linalg.norm(true, axis=0)))
    assert steepness.mean() > 5 and apart.mean() < 0.4 * steepness.mean()
    assert np.corrcoef(true.ravel(), ours.ravel())[0, 1] > 0.9


def test_albedo_is_no_displacement() -> None:
    light = (0.5, -0.4)
    stripes = np.where(np.arange(160)[None, :, None] % 16 < 8, [150.0, 70, 60], [60.0, 70, 150])
    dyed = np.broadcast_to(stripes, (160, 160, 3)).astype(np.float32)
    brightness = dyed * (1 + 0.2 * (dyed[..., :1] > 100))
    grey = np.repeat(brightness.mean(axis=2, keepdims=True), 3, axis=2)
    assert np.abs(recovered(brightness, light)).max() < 0.2 * np.abs(recovered(grey, light)).max()


def test_an_even_colour_and_no_light_give_nothing() -> None:
    assert np.abs(recovered(np.full((64, 64, 3), 90, np.float32), (0.5, 0.2))).max() < 1e-6
    shade = shaded(0.0005 * bumps(96, 16), (0.5, -0.4), (120, 90, 60))
    assert np.abs(recovered(shade, (0.0, 0.0))).max() < 1e-6


def lit_egg(light: Light) -> tuple[Texture, NDArray[np.float64]]:
    """A texture that holds the shading of bumps on the first frame, and their heights. [SIZE, SIZE]"""
    atlas = Atlas.of(BODY, SIZE)
    vertices = pose_body(BODY, STATE).vertices[0].numpy()
    normals = vertex_normals(vertices, BODY.faces.numpy())
    heights = 0.002 * bumps(SIZE, wavelength=14)
    place, normal = (atlas.to_image(atlas.interpolate(values)) for values in (vertices, normals))
    normal /= np.maximum(np.linalg.norm(normal, axis=2, keepdims=True), 1e-6)

    def across(points: NDArray[np.float32]) -> NDArray[np.float32]:
        outside = np.cross(np.gradient(points, axis=1), np.gradient(points, axis=0))
        outside *= np.sign((outside * normal).sum(axis=2, keepdims=True))
        return outside / np.maximum(np.linalg.norm(outside, axis=2, keepdims=True), 1e-12)

    shading = light.shading(across(place + normal * heights[..., None])) / light.shading(across(place))
    seen = (
        atlas.to_image((atlas.interpolate(viewing_cosine(vertices, normals)[:, None]) > 0.5).astype(np.float32))[..., 0]
        > 0
    )
    return (
        Texture(
            image=np.clip(110 * shading + 0.5, 0, 255).astype(np.uint8),
            coverage=seen.astype(np.float32),
            origin=np.where(seen, 1, 0).astype(np.uint8),
            key_frames=(7,),
            gains=np.ones((4, 3), np.float32),
            light=light,
            shading=np.ones((len(vertices), 3), np.float32),
        ),
        np.where(seen, heights, 0),
    )


SIDELONG = Light(np.float32([1, 0.5, -0.4, 0, 0, 0, 0, 0, 0])[:, None].repeat(3, axis=1))


def test_bumps_on_a_body_stand_out_where_they_do() -> None:
    texture, heights = lit_egg(SIDELONG)
    no_light_from_above = replace(DISPLACEMENT, light_from_above=0.0)
    found = find_displacement(texture, BODY, STATE, np.array([7, 8, 9, 10]), no_light_from_above)
    assert found.shape == (SIZE, SIZE) and (found[texture.origin == 0] == 0).all()
    full = np.abs(found) > 0
    deep = full & (heights != 0)
    assert deep.mean() > 0.1
    assert np.corrcoef(found[deep], heights[deep])[0, 1] > 0.8
    assert found[deep].std() == pytest.approx(heights[deep].std(), rel=0.5)


def test_the_face_and_what_nobody_saw_stay_flat() -> None:
    texture, _ = lit_egg(SIDELONG)
    weights = BODY.part_weights.clone()
    weights[BODY.part_names.index("face")] = 1
    assert not find_displacement(texture, replace(BODY, part_weights=weights), STATE, np.array([7, 8, 9, 10])).any()
    assert not find_displacement(replace(texture, key_frames=()), BODY, STATE, np.array([7, 8, 9, 10])).any()
    nothing = replace(texture, origin=0 * texture.origin)
    assert not find_displacement(nothing, BODY, STATE, np.array([7, 8, 9, 10])).any()


def test_the_gradient_of_the_light_is_that_of_its_differences() -> None:
    generator = np.random.default_rng(0)
    light = Light(np.float32(generator.uniform(-0.15, 0.15, (9, 3))) + np.eye(9, 1, dtype=np.float32))
    normals = generator.normal(size=(50, 3)).astype(np.float32)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    for axis in range(3):
        step = 0.01 * np.eye(3, dtype=np.float32)[axis]
        ahead, behind = (np.log(light.shading(normals + sign * step).mean(1)) for sign in (1, -1))
        np.testing.assert_allclose(light.log_gradient(normals)[:, axis], (ahead - behind) / 0.02, atol=2e-2)
