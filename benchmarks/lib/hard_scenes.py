"""Rendered people whose masks are hard to make: shining floors, shadows, similar colours, loose hair, other people."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fit_avatar.body import Body, load_body, pose_body
from fit_avatar.body.mesh import vertex_normals
from fit_avatar.capture import Camera
from fit_avatar.io.video import video_file
from lib.dressed_person import HAIR, TOP, Person, make_person
from lib.rendering import FLOOR_ROW, Paint, background, render, shadow
from lib.synthetic_person import NUM_BETAS, make_motion, upwards

FORMAT = 1
"""Raised whenever the clips come out differently, so that folders of an older recipe are made again."""
STRANDS = 70
FINER = 4
"""Strands of hair are drawn at so many times the picture's size."""


@dataclass(frozen=True)
class Cast:
    """One person of a clip, in motion."""

    body: Body
    person: Person
    paint: Paint
    posed: Tensor  # [T, V, 3]
    up: Tensor  # [3]

    @classmethod
    def of(cls, seed: int, frames: int) -> Cast:
        """Make a person and their motion from a seed."""
        body = load_body(NUM_BETAS)
        person = make_person(body, seed)
        state = make_motion(body, person, seed, frames)
        return cls(body, person, Paint(body, person, seed), pose_body(body, state).vertices, upwards(state))

    @property
    def floor(self) -> float:
        """The floor's place along the upward direction, in metres."""
        return float((self.posed @ self.up).amin())


@dataclass(frozen=True)
class Stage:
    """What is seen of one frame."""

    cast: Cast
    camera: Camera
    scene: NDArray[np.float32]  # [H, W, 3] BGR in 0 … 1, without anybody
    vertices: Tensor  # [V, 3]
    time: float  # 0 … 1

    def lit(self, darkness: float = 0.4) -> NDArray[np.float32]:
        """Return the scene with the person's shadow on the floor."""
        light = shadow(self.cast.body, self.vertices, self.cast.up, self.cast.floor, self.camera)
        return self.scene * (1 - (darkness / 0.4) * (1 - light))

    def shot(self, scene: NDArray[np.float32]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Return picture and mask of the person in front of a scene."""
        image, mask, _ = render(self.cast.body, self.vertices, self.camera, self.cast.paint, scene)
        return image, mask


Shot = tuple[NDArray[np.uint8], NDArray[np.bool_]]


def plain(stage: Stage) -> Shot:
    """Stand in a room like any other."""
    return stage.shot(stage.lit())


def mirrored(stage: Stage, strength: float) -> Shot:
    """Stand on a floor that mirrors the person, each foot below itself."""
    up, floor = stage.cast.up, stage.cast.floor
    below = stage.vertices - 2 * (stage.vertices @ up - floor)[:, None] * up
    flipped = torch.flip(stage.cast.body.faces, [1])
    image, mask, _ = render(stage.cast.body, below, stage.camera, stage.cast.paint, stage.lit(0.2), faces=flipped)
    shine = strength * mask[..., None].astype(np.float32)
    shine[: round(FLOOR_ROW * stage.camera.height)] = 0
    return stage.shot(((1 - shine) * stage.lit(0.2) + shine * (image / np.float32(255))).astype(np.float32))


def dark_shadow(stage: Stage) -> Shot:
    """Throw a dark shadow on the floor."""
    return stage.shot(stage.lit(0.65))


def alike(stage: Stage) -> Shot:
    """Stand in front of a wall that has the colour of the top under its mean light."""
    colour = 0.72 * stage.cast.paint.base[TOP].numpy()
    own = stage.scene.mean(2, keepdims=True) / stage.scene.mean()
    wall = np.arange(len(own))[:, None, None] < FLOOR_ROW * len(own)
    return stage.shot(np.where(wall, (own * colour).clip(0, 1), stage.lit()).astype(np.float32))


def behind(stage: Stage, other: Cast, aside_m: float, away_m: float = 0.8) -> Shot:
    """Have somebody else stand behind, to the side."""
    vertices = other.posed[0] - other.up * (other.floor - stage.cast.floor)
    vertices = vertices + torch.tensor([aside_m, 0.0, away_m])
    image, _, _ = render(other.body, vertices, stage.camera, other.paint, stage.lit())
    return stage.shot((image / np.float32(255)).astype(np.float32))


def loose_hair(stage: Stage) -> Shot:
    """Wear hair of which strands stand off."""
    rng = np.random.default_rng(5)
    roots = torch.from_numpy(rng.choice(torch.where(stage.cast.person.labels[:, HAIR] > 0.9)[0].numpy(), STRANDS))
    normals = vertex_normals(stage.vertices, stage.cast.body.faces)[roots]
    side = torch.tensor(rng.normal(size=(STRANDS, 3)) * 0.5, dtype=torch.float32)
    out = torch.nn.functional.normalize(normals + side, dim=-1)
    length = torch.tensor(rng.uniform(0.03, 0.09, (STRANDS, 1)), dtype=torch.float32)
    steps = torch.linspace(0, 1, 9)[:, None, None]
    places = stage.vertices[roots] + length * (steps * out - 0.8 * steps**2 * stage.cast.up)
    pixels = stage.camera.project(places).numpy() * FINER
    height, width = stage.scene.shape[:2]
    drawn = np.zeros((height * FINER, width * FINER), np.uint8)
    for i, start in enumerate(rng.uniform(3.0, 7.0, STRANDS) * height / 1080):
        for k in range(8):
            ends = [tuple(int(c) for c in pixels[j, i]) for j in (k, k + 1)]
            cv2.line(drawn, *ends, 255, max(1, round(FINER * start * (1 - k / 9))))
    alpha = cv2.resize(drawn, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    colour = (0.8 * stage.cast.paint.base[HAIR]).numpy()
    image, mask = stage.shot((stage.lit() * (1 - alpha[..., None]) + alpha[..., None] * colour).astype(np.float32))
    return image, mask | (alpha > 0.5)


def tight(stage: Stage) -> Shot:
    """Fill the picture: one pixel is left above the head."""
    image, mask = plain(stage)
    first = int(np.flatnonzero(mask.any(1))[0]) - 1
    return image[first:], mask[first:]


SCENES: dict[str, Callable[[Stage], Shot]] = {
    "plain": plain,
    "mirror floor 0.2": lambda stage: mirrored(stage, 0.2),
    "mirror floor 0.5": lambda stage: mirrored(stage, 0.5),
    "dark shadow": dark_shadow,
    "similar colours": alike,
    "loose hair": loose_hair,
}
WITH_OTHERS: dict[str, Callable[[Stage, Cast], Shot]] = {
    "somebody behind": lambda stage, other: behind(stage, other, 0.5),
    "somebody walks through": lambda stage, other: behind(stage, other, 3.0 * stage.time - 1.5),
}


def write_scene(folder: Path, name: str, seed: int, frames: int, size: int) -> Path:
    """Write a clip's folder, with ``video.mp4`` and true ``masks``, unless it is there already; return it."""
    recipe = {"format": FORMAT, "name": name, "seed": seed, "frames": frames, "size": size}
    note = folder / "recipe.json"
    if note.exists() and json.loads(note.read_text()) == recipe:
        return folder
    (folder / "masks").mkdir(parents=True, exist_ok=True)
    cast = Cast.of(seed, frames)
    camera = Camera(1.39 * size, 1.39 * size, size / 2, size / 2, size, size)
    scene = background(seed, camera)
    if name in WITH_OTHERS:
        other = Cast.of(seed + 100, 1)
    with video_file(folder / "video.mp4", 30) as append:
        for t, vertices in enumerate(cast.posed):
            stage = Stage(cast, camera, scene, vertices, t / frames)
            image, mask = SCENES[name](stage) if name in SCENES else WITH_OTHERS[name](stage, other)
            append(image)
            cv2.imwrite(str(folder / "masks" / f"{t:06d}.png"), mask.astype(np.uint8) * 255)
    values = {key: getattr(camera, key) for key in ("fx", "fy", "cx", "cy", "width", "height")}
    (folder / "camera.json").write_text(json.dumps(values))
    note.write_text(json.dumps(recipe))
    return folder
