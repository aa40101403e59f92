"""Expressions of a person's face: the 52 shapes of the default body carried onto the fitted face, with jaw and eyes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.spatial import cKDTree

from fit_avatar.body.default_body import NAMES, FaceShapes, face_shapes, read_default
from fit_avatar.body.garment import own_vertices
from fit_avatar.body.mesh import vertex_normals
from fit_avatar.body.model import Body
from fit_avatar.body.operators import connected_components
from fit_avatar.export.mesh import MAX_INFLUENCES, RestMesh

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

JOINTS = ("jaw", "left_eye_smplhf", "right_eye_smplhf")
"""Joints of the face, by SMPL-X's names."""
NEIGHBOURHOOD_M = 0.015
"""Standard deviation of the Gaussian window in which the fitted surface is compared with the template. Chosen by hand:
an eye or half a mouth, so that noise of single vertices does not roughen the shapes."""
REACH = 3.0
"""The window ends after so many standard deviations."""
SMALLEST_M = 5e-5
"""Smaller displacements are left out. Chosen by hand: the twentieth part of a millimetre is not seen."""
SMALLEST_TURN = 5e-3
"""Smaller changes of a unit normal are left out, 0.3 degrees. Chosen by hand."""
CHIN = 0.7
"""The chin is what the open jaw moves by at least this fraction of the largest displacement. Chosen by hand."""
STILL_M = 0.003
"""Where a full turn of the jaw moves the surface less than this, the shape does not tell its weight. Chosen by hand."""


@dataclass(frozen=True)
class Changes:
    """What one shape changes, of V vertices those alone that it moves or turns visibly."""

    moved: IntArray  # [M] ascending
    offsets: FloatArray  # [M, 3] metres
    turned: IntArray  # [L] ascending
    normals: FloatArray  # [L, 3] difference of unit normals


@dataclass(frozen=True)
class Face:
    """Shapes and joints of a face, in the bind pose of a file."""

    names: tuple[str, ...]
    """Of N shapes, as ARKit's."""
    shapes: tuple[Changes, ...]
    joints: tuple[str, ...]
    """Of K joints below the head, by SMPL-X's names."""
    places: FloatArray
    """[K, 3] metres"""
    shares: FloatArray
    """Weights that these take over from the head. [V, K] in [0, 1]"""
    head: int
    """Index of the head among the body's joints."""

    def weights(self, lbs_weights: FloatArray) -> FloatArray:
        """Return skinning weights with those of the face's joints behind the body's. [V, J] → [V, J + K]"""
        weights = np.concatenate([lbs_weights, self.shares], axis=1)
        weights[:, self.head] -= self.shares.sum(1)
        return weights


def face_of(body: Body, rest: RestMesh) -> Face | None:
    """Return shapes and joints of a person's face; None for bodies other than the default ones, which have no shapes.

    A displacement is turned and scaled as the surface around its vertex is, from the template to the person in the
    bind pose; an eye and the tongue move as one piece.

    Args:
        body: the body, in any bind pose.
        rest: the person in that pose.
    """
    if body.name not in NAMES:
        return None
    shapes, template = face_shapes(), read_default(body.name).template.double().numpy()
    own = own_vertices(body)
    if own != len(template):
        return None
    shapes = FaceShapes(shapes.names, torch.nn.functional.pad(shapes.offsets, (0, 0, 0, len(body.template) - own)))
    template = np.concatenate([template, body.template[own:].cpu().double().numpy()])
    faces, offsets = body.faces.cpu().numpy(), shapes.offsets.double().numpy()
    at = np.flatnonzero(np.abs(offsets).max((0, 2)) > 0)
    pieces = [piece for piece in _pieces(faces, len(template)) if np.isin(piece, at).any()]
    turn, scale = _similarities(_windows(template, at, pieces), template, rest.vertices)
    fitted = np.zeros_like(offsets)
    fitted[:, at] = np.einsum("vab,nvb->nva", turn * scale[:, None, None], offsets[:, at])
    head, weights = body.joint_names.index("head"), body.lbs_weights.cpu().double().numpy()
    shares = np.zeros((len(template), len(JOINTS)))
    jaw_turn, hinge = _hinge(shapes, template)
    shares[:, 0] = _taken_over(_jaw_shares(jaw_turn, hinge, shapes, template), weights, head)
    places = [_carried(_members(at, len(template)), hinge, template, rest.vertices)]
    for column, eye in enumerate(_eyes(shapes, pieces, template), 1):
        shares[eye, column] = weights[eye, head]
        places.append(_carried(_members(eye, len(template)), _centre(template[eye]), template, rest.vertices))
    changes = tuple(_changes(each, rest, faces) for each in fitted)
    return Face(shapes.names, changes, JOINTS, np.stack(places), shares, head)


def _changes(offsets: FloatArray, rest: RestMesh, faces: NDArray[np.int64]) -> Changes:
    """Return what is left of a shape without what cannot be seen. offsets [V, 3]"""
    moved = np.flatnonzero(np.linalg.norm(offsets, axis=1) > SMALLEST_M)
    normals = vertex_normals(rest.vertices + offsets, faces) - rest.normals
    turned = np.flatnonzero(np.linalg.norm(normals, axis=1) > SMALLEST_TURN)
    return Changes(moved, offsets[moved], turned, normals[turned])


def _pieces(faces: NDArray[np.int64], count: int) -> list[IntArray]:
    """Return the vertices of each loose part of a mesh, without those of the largest one, the skin."""
    label = connected_components(faces, count)
    largest = np.bincount(label).argmax()
    return [np.flatnonzero(label == each) for each in np.unique(label) if each != largest]


def _windows(template: FloatArray, at: IntArray, pieces: list[IntArray]) -> csr_matrix:
    """Return, for n vertices, the weights of the vertices around them; those of a loose piece have the piece. [n, V]"""
    tree = cKDTree(template)
    near = tree.sparse_distance_matrix(cKDTree(template[at]), REACH * NEIGHBOURHOOD_M, output_type="coo_matrix")
    values = np.exp(-0.5 * (near.data / NEIGHBOURHOOD_M) ** 2)
    loose = np.concatenate(pieces)
    on_skin = ~np.isin(at[near.col], loose) & ~np.isin(near.row, loose)
    rows, columns, values = near.col[on_skin], near.row[on_skin], values[on_skin]
    for piece in pieces:
        own = np.flatnonzero(np.isin(at, piece))
        rows = np.concatenate([rows, np.repeat(own, len(piece))])
        columns = np.concatenate([columns, np.tile(piece, len(own))])
        values = np.concatenate([values, np.ones(len(own) * len(piece))])
    return csr_matrix((values, (rows, columns)), shape=(len(at), len(template)))


def _similarities(windows: csr_matrix, source: FloatArray, target: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return rotation and scale that take points of each window to where they are now. [n, V] → [n, 3, 3], [n]

    Source: Umeyama 1991, least-squares estimation of transformation parameters, with weights.
    """
    total = np.asarray(windows.sum(1))
    before, after = windows @ source / total, windows @ target / total
    products = windows @ (target[:, :, None] * source[:, None]).reshape(-1, 9) / total
    covariance = products.reshape(-1, 3, 3) - after[:, :, None] * before[:, None]
    left, sizes, right = np.linalg.svd(covariance)
    sizes[:, 2] *= np.sign(np.linalg.det(left @ right))
    left[:, :, 2] *= np.sign(np.linalg.det(left @ right))[:, None]
    spread = (windows @ (source**2).sum(1, keepdims=True) / total)[:, 0] - (before**2).sum(1)
    return left @ right, sizes.sum(1) / spread


def _carried(window: csr_matrix, point: FloatArray, source: FloatArray, target: FloatArray) -> FloatArray:
    """Return where a point goes with the vertices of one window. [1, V], [3] → [3]"""
    (turn,), (scale,) = _similarities(window, source, target)
    before, after = ((window @ points / window.sum())[0] for points in (source, target))
    return np.asarray(after + scale * turn @ (point - before))


def _members(vertices: IntArray, count: int) -> csr_matrix:
    """Return a window of some vertices alone. [1, V]"""
    return csr_matrix((np.ones(len(vertices)), (np.zeros(len(vertices), int), vertices)), shape=(1, count))


def _eyes(shapes: FaceShapes, pieces: list[IntArray], template: FloatArray) -> list[IntArray]:
    """Return the vertices of the left and of the right eye: the loose pieces that shapes of the gaze move."""
    eyes = []
    for side in ("Left", "Right"):
        looks = _offsets(shapes, f"eyeLookOut{side}")
        eyes.append(max(pieces, key=lambda piece: float(np.linalg.norm(looks[piece], axis=1).mean())))
    return eyes


def _centre(points: FloatArray) -> FloatArray:
    """Return the centre of the sphere on which points lie, by least squares. [N, 3] → [3]"""
    system = np.concatenate([2 * points, np.ones((len(points), 1))], axis=1)
    return np.asarray(np.linalg.lstsq(system, (points**2).sum(1), rcond=None)[0][:3])


def _hinge(shapes: FaceShapes, template: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the rotation of the open jaw [3, 3], and a point of its axis in the middle of the head [3]."""
    offsets = _offsets(shapes, "jawOpen")
    size = np.linalg.norm(offsets, axis=1)
    chin = np.flatnonzero(size > CHIN * size.max())
    turn = _turn(template[chin], template[chin] + offsets[chin])
    shift = (template[chin] + offsets[chin]).mean(0) - turn @ template[chin].mean(0)
    point = np.linalg.lstsq(np.eye(3) - turn, shift, rcond=1e-3)[0]  # the axis itself is not determined
    return turn, np.array([0.0, point[1], point[2]])


def _jaw_shares(turn: FloatArray, hinge: FloatArray, shapes: FaceShapes, template: FloatArray) -> FloatArray:
    """Return how far each vertex follows the jaw: the part of its full turn that the open jaw moves it. [V]"""
    offsets, full = _offsets(shapes, "jawOpen"), (template - hinge) @ (turn.T - np.eye(3))
    share = (full * offsets).sum(1) / ((full**2).sum(1) + STILL_M**2)
    return np.asarray(np.where(np.abs(offsets).max(1) > 0, share, 0).clip(0, 1))


def _taken_over(jaw: FloatArray, weights: FloatArray, head: int) -> FloatArray:
    """Return what the jaw takes of the head's weights [V, J]: all or nothing where no further joint has room. [V]"""
    of_head = weights[:, head]
    full = (weights > 0).sum(1) >= MAX_INFLUENCES
    return np.where(full, np.where(2 * jaw > of_head, of_head, 0.0), np.minimum(jaw, of_head))


def _turn(source: FloatArray, target: FloatArray) -> FloatArray:
    """Return the rotation that takes points nearest to others. [N, 3], [N, 3] → [3, 3]"""
    turns, _ = _similarities(csr_matrix(np.ones((1, len(source)))), source, target)
    return np.asarray(turns[0])


def _offsets(shapes: FaceShapes, name: str) -> FloatArray:
    """Return the displacements of one shape. [V, 3]"""
    return np.asarray(shapes.offsets[shapes.names.index(name)].numpy(), np.float64)
