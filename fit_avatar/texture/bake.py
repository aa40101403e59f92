"""From frames and a fitted body to one texture.

Two passes: geometry alone says which few frames see each triangle best; then the frames stream by once, and
each gives samples only to the texels that chose it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fit_avatar.body.model import Body
from fit_avatar.body.skinning import pose_body, shaped
from fit_avatar.body.state import BodyState
from fit_avatar.capture.types import Camera, Capture
from fit_avatar.texture.atlas import Atlas, islands
from fit_avatar.texture.choose import ENOUGH, SLOTS, Choice, choose_frames
from fit_avatar.texture.fill import SEEN, fill_unseen, push_pull
from fit_avatar.texture.graph import adjacency
from fit_avatar.texture.hands import foreign_on_hands
from fit_avatar.texture.merge import MIN_WEIGHT, Samples, frame_gains, merge
from fit_avatar.texture.sample import Picture
from fit_avatar.texture.views import View, facing, look, project, quality

FloatArray = NDArray[np.float32]
Progress = Callable[[int, int], None]

SQUARELY = 4
"""Power of the cosine between the face's direction and the line of sight in that comparison."""
GLIMPSE = 0.3
"""An island is filled whole if less of it is seen than this part of what is seen of the body."""


@dataclass(frozen=True)
class Texture:
    """A texture over the body's UVs; the first row is v = 1."""

    image: NDArray[np.uint8]  # [S, S, 3] RGB
    coverage: FloatArray  # [S, S] summed quality of the samples behind each texel; 0 = not seen by any frame
    origin: NDArray[np.uint8]  # [S, S] 0 outside the islands, 1 seen, 2 mirrored, 3 continued from around
    key_frames: tuple[int, ...]
    """Frame indices that give the fine detail."""
    gains: FloatArray  # [T, 3] factor for each frame and RGB channel that evened out exposure and white balance

    @property
    def seen_fraction(self) -> float:
        """Return the part of the islands' area that some frame saw."""
        return float((self.origin == SEEN).sum() / max(1, (self.origin > 0).sum()))


def bake(
    body: Body,
    state: BodyState,
    capture: Capture,
    frames: Iterable[tuple[int, NDArray[np.uint8]]],
    size: int = 2048,
    progress: Progress | None = None,
) -> Texture:
    """Paint the body's texture from a video.

    Args:
        body: the body.
        state: shape and the poses of the capture's T frames.
        capture: masks, camera and frame weights.
        frames: (frame index, BGR image [H, W, 3] uint8) of the capture's frames, undistorted, in any order;
            frames that the capture does not hold are passed over.
        size: texels along each side.
        progress: called with (steps done, steps in all).

    Raises:
        ValueError: a frame's size differs from the camera's.
    """
    num_frames = len(capture.frame_indices)
    steps = 2 * num_frames + 2
    tick = _counter(progress, steps)
    posed = pose_body(body, state).vertices.detach()
    vertices = posed.cpu().numpy()
    atlas = Atlas.of(body, size)
    neighbours = adjacency(atlas.faces, len(body.template))
    normals = np.stack([_normals(v, atlas.faces) for v in vertices])
    bind = shaped(body, state.betas, state.offsets).detach().cpu().numpy()

    views: list[View] = []
    scores = np.zeros(vertices.shape[:2], np.float32)
    reference = float(np.median(vertices[..., 2]))
    for t in range(num_frames):
        views.append(look(posed[t], body.faces, neighbours, bind, capture.camera, capture.masks[t]))
        pixels, depth = project(vertices[t], capture.camera)
        scores[t] = quality(views[t], pixels, depth, facing(vertices[t], normals[t]), reference)
        scores[t] *= capture.frame_weights[t]
        tick()
    area = _vertex_area(bind, atlas.faces)
    face = _face(body)
    portrait = _portrait(vertices, normals, scores, area * face) if face.any() else None
    choice = choose_frames(scores, atlas.faces, neighbours, area, face, portrait)

    samples = Samples.empty(len(atlas.texel), SLOTS)
    position = {int(index): t for t, index in enumerate(capture.frame_indices)}
    for index, bgr in frames:
        if int(index) not in position:
            continue
        t = position.pop(int(index))
        if bgr.shape[:2] != (capture.camera.height, capture.camera.width):
            found, wanted = bgr.shape[1::-1], (capture.camera.width, capture.camera.height)
            raise ValueError(f"frame {index} is {found} pixels where the camera has {wanted}")
        picture = Picture.of(bgr, capture.masks[t])
        _sample(samples, atlas, choice, t, views[t], picture, capture.camera, vertices[t], normals[t])
        tick()

    frame_of_slot = choice.frames[atlas.face]
    gains = frame_gains(samples, frame_of_slot, num_frames)
    colours, support = merge(samples, frame_of_slot, gains)
    tick()
    doubtful = _glimpsed(body, atlas, support > 0) | foreign_on_hands(body, atlas, colours, support)
    support = np.where(doubtful, 0, support).astype(np.float32)
    colours, origin = fill_unseen(body, atlas, neighbours, colours, support)
    origin_image = atlas.paint(origin[:, None].astype(np.float32))[..., 0].astype(np.uint8)
    image = push_pull(atlas.paint(colours), origin_image > 0)
    tick()
    return Texture(
        image=np.clip(image + 0.5, 0, 255).astype(np.uint8),
        coverage=atlas.paint(support[:, None])[..., 0],
        origin=origin_image,
        key_frames=tuple(int(capture.frame_indices[t]) for t in choice.key_frames),
        gains=gains,
    )


def _sample(
    samples: Samples,
    atlas: Atlas,
    choice: Choice,
    t: int,
    view: View,
    picture: Picture,
    camera: Camera,
    vertices: FloatArray,
    normals: FloatArray,
) -> None:
    """Let frame t paint the triangles that chose it, where their texels are visible."""
    faces, slots = np.nonzero(choice.frames == t)
    texels, owner = atlas.texels_of(faces)
    if not len(texels):
        return
    # positions, normals, and the shares in colour and detail travel together
    carried = np.concatenate([vertices, normals, choice.colour[:, t, None], choice.detail[:, t, None]], axis=1)
    values = atlas.interpolate(carried, texels)
    pixels, depth = project(values[:, :3], camera)
    length = np.linalg.norm(values[:, 3:6], axis=1)
    cosine = facing(values[:, :3], values[:, 3:6]) / np.maximum(length, 1e-9)
    visible = view.trust_at(pixels, depth, cosine) > 0
    texels, slot, values = texels[visible], slots[owner][visible], values[visible]
    sharp, samples.smooth[texels, slot] = picture.at(pixels[visible])
    # where every frame has the same quality none exceeds the others: they still count a little
    samples.weight[texels, slot] = np.maximum(values[:, 6], 4 * MIN_WEIGHT)
    kept = slot < samples.sharp.shape[1]
    samples.sharp[texels[kept], slot[kept]] = sharp[kept]
    samples.detail[texels[kept], slot[kept]] = values[kept, 7]


def _portrait(vertices: FloatArray, normals: FloatArray, scores: FloatArray, area: FloatArray) -> int:
    """Return the frame that looks at the face most squarely and sees it. vertices and normals [T, V, 3]"""
    place = np.einsum("v,tvc->tc", area / area.sum(), vertices)
    forward = np.einsum("v,tvc->tc", area, normals)
    forward /= np.maximum(np.linalg.norm(forward, axis=1, keepdims=True), 1e-9)
    visible = np.minimum(scores, ENOUGH) @ area
    return int((visible * facing(place, forward).clip(0, 1) ** SQUARELY).argmax())


def _face(body: Body) -> FloatArray:
    """Return 1 on the face and what lies loose in it (eyes), else 0. [V]"""
    if "face" not in body.part_names:
        return np.zeros(len(body.template), np.float32)
    return np.where(body.skin.cpu(), body.part("face").cpu(), 1).astype(np.float32)


def _glimpsed(body: Body, atlas: Atlas, seen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Mark texels of islands of which only slivers are seen: what shows of a mouth is the lips, misplaced. [N]"""
    island = islands(body)[atlas.face]
    fraction = np.bincount(island, seen) / np.maximum(np.bincount(island), 1)
    return np.asarray(fraction[island] < GLIMPSE * seen.mean())


def _normals(vertices: FloatArray, faces: NDArray[np.int64]) -> FloatArray:
    """Return area-weighted unit normals of vertices [V, 3]."""
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    scaled = np.cross(b - a, c - a)
    columns = [np.bincount(faces.ravel(), np.repeat(scaled[:, k], 3), len(vertices)) for k in range(3)]
    normals = np.stack(columns, axis=1)
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    return np.asarray(normals / np.maximum(length, 1e-20), dtype=np.float32)


def _vertex_area(vertices: FloatArray, faces: NDArray[np.int64]) -> FloatArray:
    """Return a third of the area of the triangles around each vertex. [V]"""
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 6
    return np.asarray(np.bincount(faces.ravel(), np.repeat(area, 3), len(vertices)), dtype=np.float32)


def _counter(progress: Progress | None, steps: int) -> Callable[[], None]:
    """Return a function that reports one more step done."""
    done = 0

    def tick() -> None:
        nonlocal done
        done += 1
        if progress:
            progress(min(done, steps), steps)

    return tick
