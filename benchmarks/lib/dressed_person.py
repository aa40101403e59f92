"""A synthetic person: a body with clothes, hair and shoes over it, all from a seed.

Clothes are thickness over the skin that hangs: below the chest, the seat and the shoulders it does not follow the
body inwards, so that jackets and trousers are wide where people are not. Skirts, hats and hair that hangs are pieces
of their own: ``lib.hanging_pieces``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates, maximum_filter
from torch import Tensor

from fit_avatar.body import Body
from fit_avatar.body.mesh import vertex_normals
from fit_avatar.body.skinning import shaped
from lib.hanging_pieces import PIECES, Piece, Wearer
from lib.outfits import outfit

LABELS = ("skin", "top", "bottom", "hair", "shoes", "eyes", "hat")
SKIN, TOP, BOTTOM, HAIR, SHOES, EYES, HAT = range(7)
HEM_M = 0.025
"""Width of the ramp at a hem: no less than a triangle, so that hems are lines and not saw teeth."""
ALONG, AROUND = 40, 36
"""Cells of the tube in which cloth hangs."""


@dataclass(frozen=True)
class Person:
    """A dressed body, and what covers it."""

    betas: Tensor  # [B]
    offsets: Tensor  # [V, 3]
    labels: Tensor  # [V, L] fractions of LABELS
    about: str
    pieces: tuple[Piece, ...] = ()


@dataclass(frozen=True)
class Regions:
    """Where on the naked body each vertex is."""

    rest: Tensor  # [V, 3]
    joints: dict[str, Tensor]  # [3] each
    arm: Tensor  # [V] along the arm: 0 shoulder, 1 elbow, 2 wrist
    leg: Tensor  # [V] along the leg: 0 hip, 1 knee, 2 ankle
    arms: Tensor  # [V] skinning weight of the arms
    legs: Tensor  # [V]
    head: Tensor  # [V]

    @classmethod
    def of(cls, body: Body, betas: Tensor) -> Regions:
        """Measure a body."""
        rest, joints = shaped(body, betas), body.joint_template + body.joint_basis @ betas
        place = {name: joints[i] for i, name in enumerate(body.joint_names)}
        by_joint = {name: body.lbs_weights[:, i] for i, name in enumerate(body.joint_names)}

        def along(*names: str) -> Tensor:
            """Return how far each vertex is along a limb: 0 at the first joint, 1 at the second, 2 at the third."""
            steps = []
            for start, end in pairwise(names):
                axis = place[end] - place[start]
                steps.append(((rest - place[start]) @ axis) / (axis @ axis))
            return steps[0].clamp_max(1) + steps[1].clamp_min(0)

        def both(*names: str) -> Tensor:
            left, right = (along(*(f"{side}_{name}" for name in names)) for side in ("left", "right"))
            return torch.where(rest[:, 0] > 0, left, right)

        def weight(*names: str) -> Tensor:
            return torch.stack([by_joint[f"{side}_{n}"] for side in ("left", "right") for n in names]).sum(0)

        return cls(
            rest,
            place,
            both("shoulder", "elbow", "wrist"),
            both("hip", "knee", "ankle"),
            weight("shoulder", "elbow", "wrist", "hand"),
            weight("hip", "knee", "ankle", "foot"),
            by_joint["head"] + 0.5 * by_joint["neck"],
        )


def make_person(body: Body, seed: int, wear: str = "") -> Person:
    """Return a person: shape, clothes and hair follow from the seed. Every second one wears a wide jacket.

    Args:
        body: the body.
        seed: of everything.
        wear: what is worn instead, as in ``lib.outfits``; the rest stays as the seed has it.
    """
    worn = outfit(wear)
    rng = np.random.default_rng([7, seed])
    betas = torch.tensor(rng.normal(size=body.num_betas).clip(-2, 2), dtype=torch.float32)
    on = Regions.of(body, betas)
    rest, place, (x, y, z) = on.rest, on.joints, on.rest.unbind(-1)
    jacket = seed % 2 == 1 if worn.jacket is None else worn.jacket
    sleeve = 1.88 if jacket else rng.uniform(0.5, 0.8)
    sleeve = sleeve if worn.sleeve is None else worn.sleeve
    trouser = 1.96 if rng.random() < 0.7 else rng.uniform(0.75, 1.05)
    trouser = trouser if worn.trouser is None else worn.trouser
    below = rng.uniform(0.06, 0.14)
    hem = place["pelvis"][1] - (below if worn.hem_m is None else worn.hem_m)
    collar = place["neck"][1] + (0.01 if jacket else -0.01)

    neckline = edge(collar - y + 0.25 * (z - place["neck"][2]).clamp_max(0))
    trunk = torch.minimum(neckline, edge(y - hem))
    top = torch.where(on.arms > 0.5, edge(0.25 * (sleeve - on.arm)), trunk)
    waist = edge(place["pelvis"][1] + 0.06 - y)
    bottom = torch.where(on.legs > 0.3, edge(0.4 * (trouser - on.leg)), waist) * (1 - on.arms)
    shoes = edge(place["left_ankle"][1] - 0.005 - y) * (on.legs > 0.5) * (not worn.own_feet)
    long_hair = bool(rng.random() < 0.5) if worn.hair == "by the seed" else worn.hair == "long"
    hair = scalp(body, on, rng, long_hair, tidy=worn.hair == "long")
    eyes = (~body.skin).float()

    thick = {
        "top": rng.uniform(0.018, 0.025) if jacket else rng.uniform(0.007, 0.014),
        "bottom": rng.uniform(0.006, 0.012),
        "hair": rng.uniform(0.012, 0.03),
    }
    folds, curls = noise(rng, rest, 9.0, 6), noise(rng, rest, 25.0, 6)
    thickness = torch.stack(
        [
            steep(top) * thick["top"] * (1 + 0.3 * folds),
            steep(bottom) * thick["bottom"] * (1 + 0.3 * folds),
            hair * thick["hair"] * (1 + 0.2 * curls),
            steep(shoes) * (0.006 + 0.010 * edge(place["left_foot"][1] - y)),
        ]
    ).amax(0)
    normals = smoothed(body, vertex_normals(rest, body.faces), 12)
    normals = torch.nn.functional.normalize(normals, dim=-1)
    dressed = rest + (1 - eyes)[:, None] * thickness[:, None] * normals
    dressed = hung(on, dressed, steep(top), steep(torch.minimum(bottom, 1 - top)), jacket, hem)
    dressed = shod(body, on, dressed, shoes)
    cloth = torch.maximum(top, bottom) * (1 - shoes)
    dressed = pressed(body, rest, dressed, normals, cloth.clamp(0, 1)[:, None], rounds=10 if jacket else 6)

    bare, none = torch.full_like(x, 0.5), torch.zeros_like(x)
    labels = torch.stack(
        [bare, top, torch.minimum(bottom, 1 - top), hair, torch.minimum(shoes, 1 - bottom), 2 * eyes, none], -1
    )
    about = f"{'jacket' if jacket else 'tee'}, {'long' if trouser > 1.5 else 'short'} trousers"
    about = f"{about}, {'long' if long_hair else 'short'} hair" + (f"; {wear.replace('+', ', ')}" if wear else "")
    person = Person(betas, dressed - rest, labels, about)
    if not worn.pieces:
        return person
    joints = {name: joint.double().numpy() for name, joint in place.items()}
    wearer = Wearer(body, dressed.double().numpy(), joints, (on.arms > 0.3).numpy())
    pieces = [PIECES[name](wearer, np.random.default_rng([31, seed])) for name in worn.pieces]
    return replace(person, pieces=tuple(pieces))


def wearing(body: Body, person: Person) -> tuple[Body, Person]:
    """Return one body that the pieces are part of, and the person with it, without pieces.

    Their vertices come after the body's; joints, keypoints and coefficients are the body's.
    """
    if not person.pieces:
        return body, person
    parts, count = person.pieces, len(body.template)
    starts = count + np.cumsum([0, *(len(part.vertices) for part in parts)])
    extra = int(starts[-1]) - count
    faces = torch.cat([part.faces + int(start) for part, start in zip(parts, starts, strict=False)])

    def padded(values: Tensor, dim: int = 0) -> Tensor:
        """Return values with zeros for the vertices of the pieces."""
        shape = list(values.shape)
        shape[dim] = extra
        return torch.cat([values, values.new_zeros(shape)], dim)

    whole = replace(
        body,
        template=torch.cat([body.template, *(part.vertices for part in parts)]),
        shape_basis=padded(body.shape_basis),
        lbs_weights=torch.cat([body.lbs_weights, *(part.weights for part in parts)]),
        faces=torch.cat([body.faces, faces]),
        uv_faces=torch.cat([body.uv_faces, torch.zeros_like(faces)]),
        mirror=torch.cat([body.mirror, torch.arange(count, count + extra)]),
        keypoint_regressor=padded(body.keypoint_regressor, 1),
        skin=torch.cat([body.skin, torch.ones(extra, dtype=torch.bool)]),
        part_weights=padded(body.part_weights, 1),
    )
    colours = [torch.eye(len(LABELS))[part.label].repeat(len(part.vertices), 1) for part in parts]
    labels = torch.cat([person.labels, *colours])
    return whole, replace(person, offsets=padded(person.offsets), labels=labels, pieces=())


def edge(inside: Tensor, width: float = HEM_M) -> Tensor:
    """Return 0 … 1 for signed distances to a hem in metres, positive inside."""
    return ((inside / width).clamp(-1, 1) + 1) / 2


def steep(weight: Tensor) -> Tensor:
    """Return a hem's ramp, narrowed to where the colour changes: cloth ends within a triangle."""
    return ((weight - 0.3) / 0.4).clamp(0, 1)


def scalp(body: Body, on: Regions, rng: np.random.Generator, long_hair: bool, tidy: bool = False) -> Tensor:
    """Return where the hair is; long hair covers the back of the neck, with ``tidy`` nothing before the ears. [V]"""
    _, y, z = on.rest.unbind(-1)
    head = on.joints["head"]
    brow = head[1] + rng.uniform(0.075, 0.09)
    behind = (head[2] + (-0.01 if tidy else 0.03) - z).clamp(-0.1, 0.1)
    hairline = head[1] - (0.11 if long_hair else -0.02)
    hair = torch.maximum(edge(y - brow, 0.012), edge(behind, 0.012) * edge(y - hairline, 0.012))
    return hair * on.head.clamp(0, 1) * (1 - body.part("ears")) * (1 - body.part("face") * (y < brow))


def hung(on: Regions, dressed: Tensor, top: Tensor, bottom: Tensor, jacket: bool, hem: Tensor) -> Tensor:
    """Return the surface after the top has hung down from the chest, and sleeves and trousers from where they begin."""
    place = on.joints
    armpit = (place["left_shoulder"] + place["right_shoulder"]) / 2 - torch.tensor([0.0, 0.13, 0.0])
    below = torch.stack([place["pelvis"][0], hem, place["pelvis"][2]])
    trunk = top * (on.arms < 0.5)
    dressed = tube(dressed, trunk if jacket else 0.6 * trunk, armpit, below, narrowing=0.0 if jacket else 0.1)
    for side, here in (("left", on.rest[:, 0] > 0), ("right", on.rest[:, 0] <= 0)):
        joint = {name: place[f"{side}_{name}"] for name in ("shoulder", "wrist", "elbow", "hip", "ankle")}
        end = joint["wrist"] if jacket else joint["elbow"]
        start = joint["shoulder"] + 0.3 * (joint["elbow"] - joint["shoulder"])
        dressed = tube(dressed, top * (on.arms > 0.5) * here, start, end, narrowing=0.04 if jacket else 0.0)
        start = joint["hip"] + 0.25 * (joint["ankle"] - joint["hip"])
        dressed = tube(dressed, bottom * here, start, joint["ankle"], narrowing=0.06)
    return dressed


def tube(points: Tensor, weight: Tensor, start: Tensor, end: Tensor, narrowing: float) -> Tensor:
    """Return points of cloth that narrows along an axis by no more than so many metres per metre.

    Args:
        points: [V, 3].
        weight: 1 where a vertex belongs to the cloth, 0 where it stays. [V]
        start: where it hangs from. [3]
        end: [3]
        narrowing: of the radius.
    """
    places = points.double().numpy()
    axis = (end - start).double().numpy()
    length = float(np.linalg.norm(axis))
    axis /= length
    across = np.cross(axis, [0.0, 0.0, 1.0])
    across /= np.linalg.norm(across)
    away = places - start.double().numpy()
    along = away @ axis
    out = away - along[:, None] * axis
    radius = np.linalg.norm(out, axis=1)
    angle = np.arctan2(out @ np.cross(axis, across), out @ across) / (2 * np.pi) % 1.0
    row, column = along / length * (ALONG - 1), angle * AROUND
    cloth = (weight > 0.5).numpy() & (row > -0.5) & (row < ALONG)

    widest = np.zeros((ALONG, AROUND))
    cells = (row[cloth].round().astype(int).clip(0, ALONG - 1), column[cloth].astype(int) % AROUND)
    np.maximum.at(widest, cells, radius[cloth])
    widest = np.where(widest > 0, widest, maximum_filter(widest, 3, mode=("nearest", "wrap")))
    for i in range(1, ALONG):
        widest[i] = np.maximum(widest[i], widest[i - 1] - narrowing * length / (ALONG - 1))
    widest = gaussian_filter(widest, 1.0, mode=("nearest", "wrap"))
    wanted = map_coordinates(widest, [row.clip(0, ALONG - 1), column - 0.5], order=1, mode="grid-wrap")
    ramp = (row / 5).clip(0, 1) * weight.numpy()
    further = (wanted - radius).clip(0, 0.06) * ramp
    return points + torch.tensor(further[:, None] * out / np.maximum(radius, 1e-6)[:, None]).to(points)


def shod(body: Body, on: Regions, dressed: Tensor, shoes: Tensor) -> Tensor:
    """Return the surface with shoes that go around all toes together."""
    for side, here in (("left", on.rest[:, 0] > 0), ("right", on.rest[:, 0] <= 0)):
        ankle, ball = on.joints[f"{side}_ankle"], on.joints[f"{side}_foot"]
        heel = torch.stack([ankle[0], ball[1], ankle[2]])
        dressed = tube(dressed, shoes * here, heel, ball + 0.6 * (ball - heel), narrowing=0.3)
    for _ in range(6):
        dressed = dressed + 0.7 * (shoes > 0.6)[:, None] * (smoothed(body, dressed, 1) - dressed)
    return dressed


def pressed(body: Body, rest: Tensor, dressed: Tensor, normals: Tensor, cloth: Tensor, rounds: int) -> Tensor:
    """Return the surface with smooth cloth that is nowhere under the skin."""
    for _ in range(rounds):
        dressed = dressed + 0.7 * cloth * (smoothed(body, dressed, 1) - dressed)
    under = ((dressed - rest) * normals).sum(-1, keepdim=True) < 0.002
    return dressed + cloth * under * (rest - dressed + normals * 0.002)


def smoothed(body: Body, values: Tensor, rounds: int) -> Tensor:
    """Return per-vertex values after averaging with the neighbours. [V, C]"""
    a, b = torch.cat([body.faces[:, [i, j]] for i in range(3) for j in range(3) if i != j]).unbind(1)
    count = torch.zeros(len(values)).index_add_(0, a, torch.ones(len(a))).clamp_min(1)[:, None]
    for _ in range(rounds):
        values = torch.zeros_like(values).index_add_(0, a, values[b]) / count
    return values


def noise(rng: np.random.Generator, points: Tensor, frequency: float, waves: int) -> Tensor:
    """Return smooth noise of about unit size in space: waves of random directions and phases. [..., 3] → [...]"""
    directions = torch.tensor(rng.normal(size=(3, waves)) * frequency, dtype=torch.float32)
    phases = torch.tensor(rng.uniform(0, 2 * np.pi, waves), dtype=torch.float32)
    return torch.sin(points @ directions + phases).mean(-1) * 1.5


def natural(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Return colours that clothes have: seldom bright and pure. BGR in 0 … 1 [count, 3]"""
    grey = rng.uniform(0.1, 0.8, (count, 1))
    return np.clip(grey * (1 + rng.uniform(-0.45, 0.45, (count, 3))), 0.04, 0.92)
