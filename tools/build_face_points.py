"""Measure where the detector sees the points of a face on the default body: ``fit_avatar/body/data/face_points.npz``.

    python tools/build_face_points.py [--picture faces.png]

The default body, in many shapes, is drawn from many sides with the colour of skin; the detector's own model finds its
468 points in each picture, and each is carried back onto the triangle that its pixel shows. Their median on the mean
shape is where the point lies, their spread along the skin its noise. So nobody's idea of where, say, a brow's end is
needs to agree with the detector's. A point is kept where it is seen often enough and strays little. The file holds
indices, barycentric coordinates and noise, and nothing of the model.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import cv2
import numpy as np
import torch
import tyro
from numpy.typing import NDArray
from torch import Tensor

from fit_avatar.body import Body, load_body
from fit_avatar.body.default_body import MAX_BETAS
from fit_avatar.body.face_points import FILE, FacePoints
from fit_avatar.body.mesh import vertex_normals
from fit_avatar.body.skinning import shaped
from fit_avatar.capture.blazepose.face import INPUT, NUM_POINTS
from fit_avatar.capture.blazepose.landmarks import sigmoid
from fit_avatar.capture.blazepose.models import FACE_LANDMARKS, Model
from fit_avatar.capture.types import Camera
from fit_avatar.io.atomic import atomic_path, write_bytes
from fit_avatar.visibility.raster import Raster, rasterize

FloatArray = NDArray[np.float64]

YAWS, PITCHES = (-0.6, -0.3, 0.0, 0.3, 0.6), (-0.2, 0.0, 0.2)
"""Turns of the head to the camera, in radians; farther ones hide half of the face."""
DISTANCE_M, WIDTH_M = 2.5, 0.27
"""Of the camera from the head, and of the picture: 1.5 times the height of the points, as the detector has it."""
FINE = 3
"""Pixels of the drawing along one of the model's input."""
SKINS = ((0.86, 0.67, 0.57), (0.76, 0.56, 0.45), (0.55, 0.38, 0.29), (0.38, 0.25, 0.19))
"""Linear colours of skin, red green blue, from light to dark. Chosen by hand."""
LIGHTS = (-0.4, 0.4, 0.0)
"""How far to the left or the right of the camera the light is, in turn: shadows of one side shift a point. By hand."""
LEAST_FACING = 0.5
"""Cosine between the skin's normal and the view below which a point slides along the outline and is not counted."""
LEAST_SEEN = 0.4
"""Share of the pictures in which a point must be counted."""
MOST_SIGMA_M = 0.005
"""A point that strays farther is left out: those at the rim of the face slide over cheeks and forehead."""


def painted(body: Body, vertices: Tensor, skin: tuple[float, float, float]) -> Tensor:
    """Return the vertices' colours: skin, and eyeballs with an iris that looks ahead. [V, 3]"""
    colours = torch.tensor(skin).repeat(len(vertices), 1)
    for sign in (1.0, -1.0):
        ball = ~body.skin & (sign * body.template[:, 0] > 0.01) & (body.template[:, 1] > eye_level(body))
        away = vertices - (vertices[ball].amax(0) + vertices[ball].amin(0)) / 2
        ahead = away[:, 2] / away.norm(dim=-1).clamp_min(1e-6)
        colours[ball] = torch.tensor([0.9, 0.9, 0.9])
        colours[ball & (ahead > 0.87)] = torch.tensor([0.3, 0.2, 0.12])
        colours[ball & (ahead > 0.975)] = torch.tensor([0.03, 0.03, 0.03])
    return colours


def eye_level(body: Body) -> float:
    """Return a height between the mouth's loose parts and the eyeballs, in metres."""
    loose = body.template[~body.skin]
    return float(loose[:, 1].amax() - 0.04)


def draw(
    body: Body, vertices: Tensor, colours: Tensor, yaw: float, pitch: float, aside: float
) -> tuple[NDArray[np.float32], Raster]:
    """Draw the head from one side. [INPUT, INPUT, 3] in [0, 1], and FINE times finer, which triangles pixels show."""
    size = FINE * INPUT
    focal = size * DISTANCE_M / WIDTH_M
    camera = Camera(focal, focal, size / 2, size / 2, size, size)
    centre = vertices[~body.skin].mean(0) - torch.tensor([0.0, 0.0, 0.03])
    about_y, _ = cv2.Rodrigues(np.array([0.0, yaw, 0.0]))
    about_x, _ = cv2.Rodrigues(np.array([pitch, 0.0, 0.0]))
    turn = torch.from_numpy(np.diag([1.0, -1.0, -1.0]) @ about_x @ about_y).float()
    seen = (vertices - centre) @ turn.T + torch.tensor([0.0, 0.0, DISTANCE_M])
    raster = rasterize(seen, body.faces, camera)
    normals = raster.interpolate(vertex_normals(seen, body.faces), body.faces)
    light = torch.nn.functional.normalize(torch.tensor([aside, -0.5, -0.85]), dim=0)
    shade = 0.35 + 0.65 * (normals @ light).clamp_min(0)
    picture = raster.interpolate(colours, body.faces) * shade[..., None]
    picture[~raster.mask] = 0.6
    return cv2.resize(picture.numpy(), (INPUT, INPUT), interpolation=cv2.INTER_AREA), raster


def on_template(body: Body, raster: Raster, places: FloatArray, facing: FloatArray) -> FloatArray:
    """Carry places in the drawing onto the mean shape. [468, 2] → [468, 3], NaN where it is not the skin that faces."""
    found = np.full((len(places), 3), np.nan)
    faces, index = body.faces.numpy(), raster.face_index.numpy()
    column, row = np.floor(places).astype(int).T
    inside = (column >= 0) & (row >= 0) & (column < index.shape[1]) & (row < index.shape[0])
    for k in np.flatnonzero(inside):
        face = index[row[k], column[k]]
        if face >= 0 and body.skin[faces[face]].all() and facing[face] > LEAST_FACING:
            found[k] = raster.barycentric[row[k], column[k]].numpy() @ body.template.numpy()[faces[face]]
    return found


def measured(body: Body, people: int) -> tuple[FloatArray, NDArray[np.bool_], list[NDArray[np.uint8]]]:
    """Return places on the mean shape [S, 468, 3], which triangles were seen [F], and pictures to look at."""
    model, random = Model(FACE_LANDMARKS.path), np.random.default_rng(0)
    faces, samples, shown, pictures = body.faces.numpy(), [], np.zeros(len(body.faces), bool), []
    for person in range(people):
        betas = torch.from_numpy(random.normal(size=body.num_betas).clip(-2, 2)).float()
        vertices = shaped(body, betas)
        colours = painted(body, vertices, SKINS[person % len(SKINS)])
        for pitch in PITCHES:
            for yaw in YAWS:
                aside = LIGHTS[(len(samples) + person) % len(LIGHTS)]
                picture, raster = draw(body, vertices, colours, yaw, pitch, aside)
                values, flag = model(picture)
                if float(sigmoid(flag).item()) < 0.5:
                    continue
                places = (values.reshape(-1, 3)[:NUM_POINTS, :2].astype(float) + 0.5) * FINE
                samples.append(on_template(body, raster, places, towards(vertices.numpy(), faces, yaw, pitch)))
                shown[np.unique(raster.face_index[raster.mask])] = True
                if pitch == 0.0 and person < 4:
                    pictures.append(marked(picture, places))
    return np.array(samples), shown, pictures


def towards(vertices: NDArray[np.float32], faces: NDArray[np.int64], yaw: float, pitch: float) -> FloatArray:
    """Return the cosine between each triangle's normal and the direction to the camera. [F]"""
    first, second, third = (vertices[faces[:, k]].astype(float) for k in range(3))
    normals = np.cross(second - first, third - first)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True).clip(1e-12)
    about_y, about_x = (cv2.Rodrigues(np.array(turn))[0] for turn in ([0.0, yaw, 0.0], [pitch, 0.0, 0.0]))
    return np.asarray(normals @ (about_x @ about_y)[2])


def marked(picture: NDArray[np.float32], places: FloatArray) -> NDArray[np.uint8]:
    """Return a picture with the points that were found in it."""
    canvas = cv2.resize((picture[..., ::-1] * 255).clip(0, 255).astype(np.uint8), None, fx=FINE, fy=FINE)
    for u, v in places:
        cv2.circle(canvas, (int(u), int(v)), 1, (0, 0, 255), -1, cv2.LINE_AA)
    return np.asarray(canvas)


def condensed(body: Body, samples: FloatArray, shown: NDArray[np.bool_]) -> FacePoints:
    """Return the points that are found reliably, on the skin that some picture showed. samples [S, 468, 3]"""
    seen = np.isfinite(samples[..., 0])
    known = seen.mean(0) > LEAST_SEEN
    mean, sigma = np.full((NUM_POINTS, 3), np.nan), np.full(NUM_POINTS, np.inf)
    for k in np.flatnonzero(known):
        mine = samples[seen[:, k], k]
        mean[k] = np.median(mine, axis=0)
        # A robust spread of both directions along the skin: half of the squared distance.
        sigma[k] = 1.48 * np.median(np.linalg.norm(mine - mean[k], axis=1)) / np.sqrt(2)
    keep = np.flatnonzero(sigma < MOST_SIGMA_M)
    corners, weights = nearest_on_skin(body, mean[keep], shown)
    return FacePoints(keep, corners, weights, sigma[keep])


def nearest_on_skin(
    body: Body, places: FloatArray, shown: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return corners [N, 3] and barycentric coordinates [N, 3] of the nearest points of triangles that were seen."""
    faces = body.faces.numpy()
    faces = faces[shown & body.skin.numpy()[faces].all(1)]
    triangles = body.template.numpy().astype(float)[faces]
    corners, weights = [], []
    for place in places:
        near = np.argsort(np.linalg.norm(triangles.mean(1) - place, axis=1))[:60]
        inside = np.array([closest_weights(triangle, place) for triangle in triangles[near]])
        best = np.linalg.norm((inside[..., None] * triangles[near]).sum(1) - place, axis=1).argmin()
        corners.append(faces[near[best]])
        weights.append(inside[best])
    return np.array(corners), np.array(weights)


def closest_weights(triangle: FloatArray, place: FloatArray) -> FloatArray:
    """Return the barycentric coordinates of a triangle's point that is nearest to a place. [3, 3], [3] → [3]"""
    best, least = np.array([1.0, 0.0, 0.0]), np.inf
    edges = triangle[1:] - triangle[0]
    plane = np.linalg.lstsq(edges.T, place - triangle[0], rcond=None)[0]
    candidates = [np.array([1 - plane.sum(), *plane])]
    for k in range(3):
        start, end = triangle[k], triangle[(k + 1) % 3]
        along = np.clip((place - start) @ (end - start) / max((end - start) @ (end - start), 1e-18), 0, 1)
        on_edge = np.zeros(3)
        on_edge[[k, (k + 1) % 3]] = 1 - along, along
        candidates.append(on_edge)
    for weights in candidates:
        distance = np.linalg.norm(weights @ triangle - place)
        if (weights >= 0).all() and distance < least:
            best, least = weights, distance
    return best


def main(people: int = 16, picture: Path | None = None, out: Path = FILE) -> None:
    """Measure the points and write them, with a checksum beside them.

    Args:
        people: shapes of the body.
        picture: where to draw what the detector found, to be looked at.
        out: the file to write.
    """
    body = load_body(MAX_BETAS)
    samples, shown, pictures = measured(body, people)
    points = condensed(body, samples, shown)
    if picture is not None:
        rows = [np.hstack(pictures[k : k + len(YAWS)]) for k in range(0, len(pictures), len(YAWS))]
        cv2.imwrite(str(picture), np.vstack(rows))
    with atomic_path(out) as temporary:
        np.savez_compressed(
            temporary,
            index=points.index.astype(np.int16),
            corners=points.corners.astype(np.int16),
            weights=points.weights.astype(np.float32),
            sigma_m=points.sigma_m.astype(np.float32),
        )
    checksum = hashlib.sha256(out.read_bytes()).hexdigest()
    write_bytes(out.with_name(f"{out.name}.sha256"), f"{checksum}  {out.name}\n".encode())
    spread = 1000 * np.percentile(points.sigma_m, [0, 50, 100])
    print(f"{len(points.index)} points from {len(samples)} pictures, noise {spread.round(1)} mm; {out}, {checksum}")


if __name__ == "__main__":
    tyro.cli(main)
