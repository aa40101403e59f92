"""Measurements: exact on shapes of known size, plausible on the default body."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import trimesh

from fit_avatar.body import BodyState, load_body
from fit_avatar.report.measurements import girth_at, measure_body, measure_mesh

CROTCH, TOP = 0.8, 1.5
HIP, WAIST, CHEST = (0.95, 0.17), (1.15, 0.12), (1.3, 0.16)
"""Heights and radii of a trunk that is round."""


def tower(profile: list[tuple[float, float]], start: int = 0, segments: int = 96) -> tuple[np.ndarray, np.ndarray]:
    """Return a closed surface of revolution about the y axis through (height, radius), lowest first."""
    angle = np.arange(segments) / segments * 2 * math.pi
    rings = [np.stack([r * np.cos(angle), np.full(segments, y), r * np.sin(angle)], 1) for y, r in profile]
    ends = [[0, profile[0][0], 0], [0, profile[-1][0], 0]]
    vertices = np.concatenate([*rings, ends])
    faces = []
    for ring in range(len(rings) - 1):
        for k in range(segments):
            a, b = ring * segments + k, ring * segments + (k + 1) % segments
            faces += [[a, a + segments, b], [b, a + segments, b + segments]]
    low, high, last = len(vertices) - 2, len(vertices) - 1, (len(rings) - 1) * segments
    for k in range(segments):
        faces += [[low, k, (k + 1) % segments], [high, last + (k + 1) % segments, last + k]]
    return vertices, np.array(faces) + start


@pytest.fixture
def person() -> dict[str, object]:
    """Return a round trunk on two round legs, with a neck and a head."""
    heights = np.linspace(CROTCH, TOP, 141)
    radii = np.interp(heights, [CROTCH, *(y for y, _ in (HIP, WAIST, CHEST)), TOP], [0.15, 0.17, 0.12, 0.16, 0.1])
    trunk, faces = tower(list(zip(heights, radii, strict=True)))
    parts, all_faces, count = [trunk], [faces], len(trunk)
    for x in (-0.1, 0.1):
        leg, faces = tower([(0.0, 0.06), (CROTCH, 0.06)], count)
        parts.append(leg + [x, 0, 0])
        all_faces.append(faces)
        count += len(leg)
    head, faces = tower([(TOP, 0.3), (1.8, 0.3)], count)  # wider than the chest, and no part of the trunk
    vertices = np.concatenate([*parts, head])
    is_head = np.arange(len(vertices)) >= count
    middle = (np.abs(vertices[:, 0]) < 1e-6) & (np.arange(len(vertices)) < len(trunk))
    joints = {"spine1": np.array([0, 1.05, 0]), "spine2": np.array([0, 1.2, 0])}
    return {
        "vertices": vertices, "faces": np.concatenate([*all_faces, faces]), "joints": joints, "not_trunk": is_head,
        "middle": middle,
    }  # fmt: skip


def test_a_round_person_has_the_measures_it_was_made_with(person) -> None:
    found = {each.name: each for each in measure_mesh(**person)}
    assert list(found) == ["height", "chest", "waist", "hip", "inseam"]
    assert found["height"].metres == pytest.approx(1.8)
    assert found["inseam"].metres == pytest.approx(CROTCH)
    for name, (level, radius) in {"chest": CHEST, "waist": WAIST, "hip": HIP}.items():
        assert found[name].metres == pytest.approx(2 * math.pi * radius, rel=2e-3)
        assert found[name].level_m == pytest.approx(level, abs=0.006)
        assert found[name].definition


def test_measures_scale_and_do_not_depend_on_the_place(person) -> None:
    larger = {
        **person,
        "vertices": person["vertices"] * 1.1 + [0, 0.4, 0],
        "joints": {name: place * 1.1 + [0, 0.4, 0] for name, place in person["joints"].items()},
    }
    for before, after in zip(measure_mesh(**person), measure_mesh(**larger), strict=True):
        assert after.metres == pytest.approx(1.1 * before.metres, rel=1e-3)


def test_a_mesh_without_a_middle_line_has_only_a_height(person) -> None:
    nothing = np.zeros(len(person["vertices"]), bool)
    assert [each.name for each in measure_mesh(**{**person, "middle": nothing})] == ["height"]


def test_girths_of_known_sections() -> None:
    box = trimesh.creation.box((0.4, 1.0, 0.2))
    assert girth_at(box.vertices, box.faces, 0.1) == pytest.approx(1.2)
    assert girth_at(box.vertices, box.faces, 0.6) == 0
    two = trimesh.util.concatenate([box.copy().apply_translation([x, 0, 0]) for x in (-0.5, 0.5)])
    assert girth_at(two.vertices, two.faces, 0.1) == pytest.approx(2 * (1.4 + 0.2))  # a tape bridges the gap
    ball = trimesh.creation.icosphere(subdivisions=5, radius=0.5)
    assert girth_at(ball.vertices, ball.faces, 0.3) == pytest.approx(2 * math.pi * 0.4, rel=2e-3)


def test_the_default_body_has_human_measures_in_any_pose() -> None:
    body = load_body()
    zero = BodyState(
        torch.zeros(body.num_betas), torch.zeros_like(body.template), torch.zeros(1, 3), torch.zeros(1, 23, 3),
        torch.zeros(1, 3),
    )  # fmt: skip
    found = {each.name: each.metres for each in measure_body(body, zero)}
    height = found["height"]
    assert 1.6 < height < 1.8
    assert 0.42 * height < found["inseam"] < 0.52 * height
    assert found["waist"] < found["hip"] and found["waist"] < found["chest"]
    assert all(0.4 * height < found[name] < 0.75 * height for name in ("chest", "waist", "hip"))
    bent = replace(zero, body_pose=zero.body_pose + 0.4, global_orient=zero.global_orient + 1, transl=zero.transl + 2)
    assert {each.name: each.metres for each in measure_body(body, bent)} == pytest.approx(found)
