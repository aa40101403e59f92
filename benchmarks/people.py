"""Clips with known truth: people made up from a seed, dressed, and filmed while they turn around once.

    python benchmarks/people.py OUT [--people 4] [--size 1080] [--frames 120]

Bodies are the default body's with more shape coefficients than a fit has; clothes, hair and shoes are thickness over
the skin. Everything follows from the seed. ``benchmarks/README.md`` describes the folders.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
import tyro
from numpy.typing import NDArray
from torch import Tensor

from fit_avatar.body import Body, BodyState, load_body, pose_body, rotation
from fit_avatar.body.skinning import pose_points, shaped
from fit_avatar.capture import Camera
from fit_avatar.evaluate import Mesh
from fit_avatar.fitting.state import a_pose
from fit_avatar.report.video import video_file
from fit_avatar.silhouettes import project, vertex_normals
from fit_avatar.silhouettes.raster import rasterize

FORMAT = 1
"""Raised whenever the clips come out differently, so that folders of an older recipe are made again."""
NUM_BETAS = 16
KEYPOINT_NOISE_PX = 2.0
FPS = 30
SKIN, TOP, BOTTOM, HAIR, SHOES, EYES = range(6)
LIGHT = (-0.35, -0.75, -0.55)
"""Towards the light, in camera coordinates."""


@dataclass(frozen=True)
class TrueClip:
    """What is known of a clip."""

    folder: Path
    camera: Camera
    height_m: float
    up: NDArray[np.float64]  # [3] in camera coordinates
    surfaces: dict[int, Mesh]
    joints: NDArray[np.float64]  # [frames in the video, 24, 3]


def read_clip(folder: Path) -> TrueClip:
    """Read camera and truth of a clip's folder."""
    with np.load(folder / "gt.npz") as z:
        vertices = (z["verts_q"].astype(np.float64) + z["verts_c"][:, None]) * float(z["verts_scale"])
        faces = z["faces"].astype(np.int64)
        surfaces = {int(i): Mesh(v, faces) for i, v in zip(z["frame_index"], vertices, strict=True)}
        up, joints, height = z["world_up_in_camera"].astype(float), z["joints_smpl24"], float(z["height_naked_m"])
    told = json.loads((folder / "camera.json").read_text())
    camera = Camera(*(told[name] for name in ("fx", "fy", "cx", "cy", "width", "height")))
    return TrueClip(folder, camera, height, up, surfaces, joints.astype(float))


@dataclass(frozen=True)
class Person:
    """A dressed body, and how it is painted."""

    betas: Tensor  # [B]
    offsets: Tensor  # [V, 3]
    labels: Tensor  # [V, 6] share of skin, top, bottom, hair, shoes, eyes
    about: str


def make_person(body: Body, seed: int) -> Person:
    """Return a person: shape, clothes and hair all follow from the seed."""
    rng = np.random.default_rng([7, seed])
    betas = torch.tensor(rng.normal(size=body.num_betas).clip(-2, 2), dtype=torch.float32)
    rest, joints = shaped(body, betas), body.joint_template + body.joint_basis @ betas
    place = {name: joints[i] for i, name in enumerate(body.joint_names)}
    share = {name: body.lbs_weights[:, i] for i, name in enumerate(body.joint_names)}
    x, y, z = rest.unbind(-1)

    def along(start: str, end: str) -> Tensor:
        """Return how far each vertex is between two joints: 0 at the first, 1 at the second."""
        axis = place[end] - place[start]
        return ((rest - place[start]) @ axis) / (axis @ axis)

    def limb(side: str, *names: str) -> Tensor:
        return sum((share[f"{side}_{name}"] for name in names), torch.zeros_like(x))

    jacket = seed % 2 == 1
    # one coordinate along each arm (0 shoulder, 1 elbow, 2 wrist) and each leg (0 hip, 1 knee, 2 ankle)
    arm, leg, arms, legs = (torch.zeros_like(x) for _ in range(4))
    for side, on in (("left", x > 0), ("right", x <= 0)):
        upper, lower = along(f"{side}_shoulder", f"{side}_elbow"), along(f"{side}_elbow", f"{side}_wrist")
        arm = torch.where(on, torch.where(upper < 1, upper, 1 + lower.clamp_min(0)), arm)
        upper, lower = along(f"{side}_hip", f"{side}_knee"), along(f"{side}_knee", f"{side}_ankle")
        leg = torch.where(on, torch.where(upper < 1, upper, 1 + lower.clamp_min(0)), leg)
        arms = torch.where(on, limb(side, "shoulder", "elbow", "wrist", "hand"), arms)
        legs = torch.where(on, limb(side, "hip", "knee", "ankle", "foot"), legs)
    head = share["head"] + 0.5 * share["neck"]
    sleeve = 1.93 if jacket else rng.uniform(0.55, 0.85)
    trouser = 1.9 if rng.random() < 0.7 else rng.uniform(0.85, 1.1)
    hem = place["pelvis"][1] - rng.uniform(0.06, 0.14)
    neckline = place["neck"][1] - (0.0 if jacket else 0.02)

    def edge(inside: Tensor, width: float) -> Tensor:
        """Return 0 … 1 for signed distances to a hem, positive inside."""
        return ((inside / width).clamp(-1, 1) + 1) / 2

    trunk = edge(neckline - y + 0.25 * (z - place["neck"][2]).clamp_max(0), 0.006) * edge(y - hem, 0.006)
    top = torch.where(arms > 0.5, edge(sleeve - arm, 0.02), trunk * (1 - legs * (y < hem)))
    bottom = torch.where(legs > 0.3, edge(trouser - leg, 0.015), edge(place["pelvis"][1] + 0.06 - y, 0.01))
    bottom = bottom * (1 - arms)
    shoes = edge(place["left_ankle"][1] - 0.005 - y, 0.006) * (legs > 0.5)
    eyes = (~body.skin).float()
    face = body.part("face")
    brow = place["head"][1] + rng.uniform(0.075, 0.09)
    behind = (place["head"][2] + 0.03 - z).clamp(-0.1, 0.1)
    long_hair = rng.random() < 0.5
    hairline = place["head"][1] - (0.06 if long_hair else -0.02)
    scalp = torch.maximum(edge(y - brow, 0.012), edge(behind, 0.012) * edge(y - hairline, 0.012))
    hair = scalp * head.clamp(0, 1) * (1 - body.part("ears")) * (1 - face * (y < brow))

    folds = _noise(rng, rest, 9.0, 6)
    sag = (leg - 0.2).clamp(0, 2)  # trousers are wider further down
    thick = {
        "top": rng.uniform(0.018, 0.028) if jacket else rng.uniform(0.008, 0.016),
        "bottom": rng.uniform(0.007, 0.013),
        "hair": rng.uniform(0.012, 0.035),
    }
    loose_hem = 0.012 * torch.exp(-(((y - hem) / 0.12) ** 2)) * (arms < 0.5)
    thickness = torch.stack(
        [
            top * (thick["top"] * (1 + 0.3 * folds) + loose_hem),
            bottom * (thick["bottom"] + 0.006 * sag) * (1 + 0.3 * folds),
            hair * thick["hair"] * (1 + 0.2 * _noise(rng, rest, 25.0, 6)),
            shoes * (0.006 + 0.010 * edge(place["left_foot"][1] - y, 0.02)),
        ]
    ).amax(0)
    normals = _smoothed(body, vertex_normals(rest, body.faces), 12)
    normals = torch.nn.functional.normalize(normals, dim=-1)
    dressed = rest + (1 - eyes)[:, None] * thickness[:, None] * normals
    cloth = (torch.maximum(top, bottom) * (1 - shoes)).clamp(0, 1)[:, None]
    for _ in range(10 if jacket else 6):  # cloth hangs over what the skin follows
        dressed = dressed + 0.7 * cloth * (_smoothed(body, dressed, 1) - dressed)
    dressed = dressed + cloth * (rest - dressed + normals * 0.002) * (
        ((dressed - rest) * normals).sum(-1, keepdim=True) < 0.002
    )
    labels = torch.stack([torch.full_like(x, 0.5), top, bottom * (top < 0.5), hair, shoes, 2 * eyes], -1)
    about = f"{'jacket' if jacket else 'tee'}, {'long' if trouser > 1.5 else 'short'} trousers"
    return Person(betas, dressed - rest, labels, f"{about}, {'long' if long_hair else 'short'} hair")


def _smoothed(body: Body, values: Tensor, rounds: int) -> Tensor:
    """Return per-vertex values after averaging with the neighbours. [V, C]"""
    a, b = torch.cat([body.faces, body.faces.roll(1, 1)]).reshape(-1, 3)[:, :2].unbind(1)
    count = torch.zeros(len(values)).index_add_(0, a, torch.ones(len(a))).clamp_min(1)[:, None]
    for _ in range(rounds):
        values = torch.zeros_like(values).index_add_(0, a, values[b]) / count
    return values


def _noise(rng: np.random.Generator, points: Tensor, frequency: float, waves: int) -> Tensor:
    """Return smooth noise of about unit size in space: waves of random directions and phases. [..., 3] → [...]"""
    directions = torch.tensor(rng.normal(size=(3, waves)) * frequency, dtype=torch.float32)
    phases = torch.tensor(rng.uniform(0, 2 * np.pi, waves), dtype=torch.float32)
    return torch.sin(points @ directions + phases).mean(-1) * 1.5


def make_motion(body: Body, person: Person, seed: int, frames: int) -> BodyState:
    """Return one turn in a loose A-pose, with sway: everything moves a little, and the turn is uneven."""
    rng = np.random.default_rng([11, seed])
    time = torch.arange(frames) / frames

    def waves(*shape: int, sizes: tuple[float, ...] = (1.0, 0.6, 0.35, 0.2)) -> Tensor:
        """Return smooth random curves of about unit size. [T, *shape]"""
        total = torch.zeros(frames, *shape)
        for k, size in enumerate(sizes, 1):
            a, b = (torch.tensor(rng.normal(size=shape), dtype=torch.float32) for _ in range(2))
            phase = (2 * np.pi * k * time).view(-1, *(1 for _ in shape))
            total = total + size * (a * phase.sin() + b * phase.cos())
        return total / 1.25

    names = body.joint_names[1:]
    sway = torch.tensor([0.008 if n in ("left_knee", "right_knee", "left_hip", "right_hip") else 0.02 for n in names])
    sway[[names.index(n) for n in ("left_shoulder", "right_shoulder", "left_elbow", "right_elbow")]] = 0.04
    stance = torch.tensor(rng.normal(size=(len(names), 3)) * 0.04, dtype=torch.float32)
    stance[names.index("left_elbow"), 1] -= 0.15 * rng.random()
    stance[names.index("right_elbow"), 1] += 0.15 * rng.random()
    pose = a_pose(body) @ rotation.exp(stance) @ rotation.exp(sway[:, None] * waves(len(names), 3))
    pace = waves(sizes=(0.06, 0.04, 0.02))
    angle = 2 * np.pi * time * (1 if rng.random() < 0.5 else -1) + pace - pace[0] + rng.uniform(-0.3, 0.3)
    zero = torch.zeros(frames)
    upright = rotation.exp(torch.tensor([np.pi, 0.0, 0.0]))
    lean = rotation.exp(0.015 * waves(3))
    turn = upright @ rotation.exp(torch.stack([zero, angle, zero], -1)) @ lean
    shift = torch.tensor([0.02, 0.004, 0.02]) * waves(3)
    tilt = torch.tensor(rng.uniform(0.0, 0.08))
    camera = rotation.exp(torch.stack([tilt, torch.tensor(0.0), torch.tensor(0.0)]).float())
    middle = torch.tensor([0.0, 0.0, rng.uniform(2.9, 3.3)], dtype=torch.float32)
    state = BodyState(
        person.betas,
        person.offsets,
        rotation.log(camera @ turn),
        rotation.log(pose),
        (shift @ camera.T + middle),
    )
    extent = pose_body(body, state).vertices
    centre = (extent.amax((0, 1)) + extent.amin((0, 1)))[1] / 2
    return replace(state, transl=state.transl - torch.tensor([0.0, 1.0, 0.0]) * centre)


def write_person(folder: Path, seed: int, frames: int = 120, size: int = 1080) -> Path:
    """Write a clip's folder, unless it is there already; return it."""
    recipe = {"format": FORMAT, "seed": seed, "frames": frames, "size": size}
    note = folder / "recipe.json"
    if note.exists() and json.loads(note.read_text())["recipe"] == recipe:
        return folder
    for name in ("masks", "keypoints"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    body = load_body(NUM_BETAS)
    person = make_person(body, seed)
    state = make_motion(body, person, seed, frames)
    posed = pose_body(body, state)
    focal = 1.39 * size
    camera = Camera(focal, focal, size / 2, size / 2, size, size)
    rng = np.random.default_rng([13, seed])
    points = pose_points(body, state, body.keypoint_points)
    paint, scene = Paint(body, person, seed), _background(seed, camera)
    with video_file(folder / "video.mp4", FPS) as append:
        for t, vertices in enumerate(posed.vertices):
            image, mask, depth = _render(body, vertices, camera, paint, scene)
            append(image)
            cv2.imwrite(str(folder / "masks" / f"{t:06d}.png"), mask.astype(np.uint8) * 255)
            _write_keypoints(folder / "keypoints" / f"{t:06d}_keypoints.json", points[t], depth, camera, rng)
    told = {name: getattr(camera, name) for name in ("fx", "fy", "cx", "cy", "width", "height")}
    (folder / "camera.json").write_text(json.dumps({**told, "k": [0] * 5, "fps": FPS, "frames": frames}, indent=1))
    _write_truth(folder / "gt.npz", body, person, state, points)
    note.write_text(json.dumps({"recipe": recipe, "about": person.about}, indent=1))
    return folder


def _write_keypoints(path: Path, points: Tensor, depth: Tensor, camera: Camera, rng: np.random.Generator) -> None:
    """Write one frame's points as OpenPose does: true places with noise; what the body hides is less certain."""
    pixels = project(points, camera)
    column, row = (pixels[:, k].long().clamp(0, depth.shape[1 - k] - 1) for k in range(2))
    hidden = (points[:, 2] - depth[row, column] > 0.15).numpy()
    noisy = pixels.numpy() + KEYPOINT_NOISE_PX * rng.normal(size=(len(points), 2))
    sure = np.where(hidden, rng.uniform(0.25, 0.6, len(points)), rng.uniform(0.7, 0.95, len(points)))
    flat = np.column_stack([noisy, sure]).round(3).ravel().tolist()
    path.write_text(json.dumps({"version": 1.3, "people": [{"person_id": [-1], "pose_keypoints_2d": flat}]}))


def _write_truth(path: Path, body: Body, person: Person, state: BodyState, points: Tensor) -> None:
    frames = np.arange(0, len(state.transl), 10)
    posed = pose_body(body, state)
    scale = 5e-5
    grid = np.round(posed.vertices[frames].double().numpy() / scale)
    centre = np.round(grid.mean(1)).astype(np.int32)
    naked = shaped(body, person.betas)[body.skin, 1]
    # over a whole turn the sway's leaning averages out
    up = rotation.exp(state.global_orient)[:, :, 1].mean(0)
    skin = body.skin[body.faces].all(1)
    np.savez_compressed(
        path,
        verts_q=(grid - centre[:, None]).astype(np.int16),
        verts_c=centre,
        verts_scale=scale,
        faces=body.faces[skin].numpy().astype(np.int32),
        frame_index=frames,
        joints_body25=points.numpy(),
        joints_smpl24=posed.joints.numpy(),
        height_naked_m=float(naked.amax() - naked.amin()),
        height_clothed_m=float(np.ptp(shaped(body, person.betas, person.offsets)[body.skin, 1].numpy())),
        world_up_in_camera=(up / up.norm()).numpy(),
    )


class Paint:
    """Colours of a person as a function of the place in the bind pose: patterns, grain, and sharp hems."""

    def __init__(self, body: Body, person: Person, seed: int) -> None:
        rng = np.random.default_rng([17, seed])
        colours = rng.uniform(0.08, 0.9, (6, 3))
        colours[SKIN] = np.array([0.55, 0.68, 0.92]) * rng.uniform(0.25, 1.0)
        colours[HAIR] = np.array([0.15, 0.22, 0.3]) * rng.uniform(0.3, 2.2)
        colours[EYES] = 0.9
        second = np.clip(colours + rng.uniform(-0.45, 0.45, colours.shape), 0.03, 0.97)
        self.seed, self.labels = seed, person.labels
        self.places = shaped(body, person.betas, person.offsets)
        self.base, self.other = (torch.tensor(c, dtype=torch.float32) for c in (colours, second))
        self.kinds = torch.tensor(rng.integers(0, 3, 6))

    def __call__(self, corners: Tensor, weights: Tensor) -> Tensor:
        """Return BGR in 0 … 1 of N places, given by their triangles' corners [N, 3] and their weights [N, 3, 1]."""
        points = (self.places[corners] * weights).sum(1)
        label = (self.labels[corners] * weights).sum(1).argmax(-1)
        coarse = _noise(np.random.default_rng([19, self.seed]), points, 40.0, 12)
        fine = _noise(np.random.default_rng([29, self.seed]), points, 350.0, 12)
        stripes = torch.sin(points[:, 1] * 95) > 0.3
        checks = (torch.sin(points[:, 0] * 80) > 0) ^ (torch.sin(points[:, 1] * 80) > 0)
        pattern = torch.stack([stripes, checks, coarse > 0.25])[self.kinds[label], torch.arange(len(label))]
        pattern = 0.8 * (pattern & ((label == TOP) | (label == BOTTOM) | (label == SHOES)))
        colour = self.base[label] + pattern[:, None] * (self.other[label] - self.base[label])
        grain = 1 + 0.07 * coarse + 0.12 * fine * torch.where(label == SKIN, 0.3, 1.0)
        return colour * grain[:, None]


def _background(seed: int, camera: Camera) -> NDArray[np.float32]:
    """Return a softly structured room: a wall, a floor, uneven light. BGR in 0 … 1. [H, W, 3]"""
    rng = np.random.default_rng([23, seed])
    height, width = camera.height, camera.width
    wall, floor = rng.uniform(0.35, 0.8, (2, 3)) * 0.5 + rng.uniform(0.15, 0.4, (2, 1))
    row = np.linspace(0, 1, height)[:, None, None]
    picture = np.where(row < 0.86, wall, floor) * np.ones((1, width, 1))
    if seed % 3:  # every third wall is plain
        for cells, strength in ((5, 0.05), (14, 0.03), (60, 0.02)):
            coarse = (rng.normal(size=(cells, cells, 1)) + 0.3 * rng.normal(size=(cells, cells, 3))).astype(np.float32)
            picture = picture + strength * cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    column = np.linspace(-1, 1, width)[None, :, None]
    return np.clip(picture * (1 - 0.15 * column**2 - 0.1 * row), 0, 1).astype(np.float32)


def _render(
    body: Body, vertices: Tensor, camera: Camera, paint: Paint, scene: NDArray[np.float32]
) -> tuple[NDArray[np.uint8], NDArray[np.bool_], Tensor]:
    """Return image, mask and depth of one frame."""
    raster = rasterize(vertices, body.faces, camera, cull_backfaces=True)
    seen = raster.mask
    corners, weights = body.faces[raster.face_index[seen]], raster.barycentric[seen][..., None]
    colour = paint(corners, weights)
    normals = torch.nn.functional.normalize((vertex_normals(vertices, body.faces)[corners] * weights).sum(1), dim=-1)
    light = torch.nn.functional.normalize(torch.tensor(LIGHT), dim=0)
    shade = 0.55 + 0.3 * (normals @ light).clamp_min(0) + 0.2 * (-normals[:, 2]).clamp_min(0)
    image, mask = scene.copy(), seen.numpy()
    image[mask] = (colour * shade[:, None]).clamp(0, 1).numpy()
    image = cv2.GaussianBlur(image, (0, 0), 0.7)  # a lens, and no jagged edges
    return (image * 255).round().astype(np.uint8), mask, raster.depth


def main(out: tyro.conf.Positional[Path], people: int = 4, frames: int = 120, size: int = 1080, first: int = 0) -> None:
    """Write clips.

    Args:
        out: the folder.
        people: how many.
        frames: in each clip.
        size: width and height in pixels.
        first: seed of the first person.
    """
    for seed in range(first, first + people):
        print(write_person(out / f"person{seed:02d}", seed, frames, size), flush=True)


if __name__ == "__main__":
    tyro.cli(main)
