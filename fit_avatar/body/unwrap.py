"""Texture coordinates for a body whose file has none."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from fit_avatar.body.model import Body
from fit_avatar.errors import BadInputError, MissingDependencyError
from fit_avatar.io.arrays import read_npz, shape_fault, write_npz
from fit_avatar.io.optional import install

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class UnwrapConfig:
    """How charts are packed. Values were chosen by hand."""

    resolution: int = 2048
    """Texels along each side of the texture that the gap is meant for."""
    gap_px: int = 4
    """Gap between charts, in texels: filtering and compression do not mix their colours."""


UNWRAP = UnwrapConfig()


def with_atlas(body: Body, folder: Path) -> Body:
    """Return the body with texture coordinates; they are computed once for a mesh and cached in ``folder``.

    Raises:
        MissingDependencyError: they are not cached and ``xatlas`` is not installed.
    """
    template, faces = body.template.cpu().numpy(), body.faces.cpu().numpy()
    path = folder / f"atlas-{_digest(template, faces)}.npz"
    atlas = _read(path, len(faces))
    if atlas is None:
        atlas = unwrap(template, faces)
        try:
            write_npz(path, {"uvs": atlas[0], "uv_faces": atlas[1]})
        except (OSError, BadInputError) as error:
            logger.warning("the texture atlas could not be cached and will be made again next time: %s", error)
    uvs, uv_faces = (torch.from_numpy(array).to(body.template.device) for array in atlas)
    return replace(body, uvs=uvs, uv_faces=uv_faces)


def unwrap(
    template: NDArray[np.float32], faces: NDArray[np.int64], config: UnwrapConfig = UNWRAP
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Cut a mesh into charts and pack them into the unit square (takes seconds).

    Args:
        template: [V, 3]
        faces: [F, 3]
        config: gap between the charts.

    Returns:
        Texture coordinates in [0, 1], v up [U, 2], and their faces, in the order of ``faces`` [F, 3].

    Raises:
        MissingDependencyError: ``xatlas`` is not installed.
    """
    try:
        import xatlas
    except ImportError as error:
        raise MissingDependencyError(
            f"this body's file has no texture coordinates, and making them needs xatlas: run `{install('xatlas')}`"
        ) from error
    options: Any = xatlas.PackOptions()
    options.resolution, options.padding, options.bilinear = config.resolution, config.gap_px, True
    atlas: Any = xatlas.Atlas()
    atlas.add_mesh(np.ascontiguousarray(template, np.float32), np.ascontiguousarray(faces, np.uint32))
    atlas.generate(pack_options=options)
    vertex, uv_faces, uvs = atlas[0]
    if uv_faces.shape != faces.shape or not np.array_equal(vertex[uv_faces], faces):
        raise RuntimeError("xatlas returned the triangles in another order")
    return np.asarray(uvs, np.float32).clip(0, 1), np.asarray(uv_faces, np.int64)


def _digest(template: NDArray[np.float32], faces: NDArray[np.int64]) -> str:
    digest = hashlib.sha256(f"{UNWRAP.resolution} {UNWRAP.gap_px}".encode())
    for array in (template, faces):
        digest.update(f"{array.shape} {array.dtype}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:16]


def _read(path: Path, triangles: int) -> tuple[NDArray[np.float32], NDArray[np.int64]] | None:
    if not path.exists():
        return None
    try:
        arrays = read_npz(path)
        uvs, uv_faces = arrays["uvs"], arrays["uv_faces"]
        fault = shape_fault(arrays, {"uvs": ("*", 2), "uv_faces": (triangles, 3)})
        if fault is None and not 0 <= uv_faces.min() <= uv_faces.max() < len(uvs):
            fault = "indices in uv_faces that point nowhere"
        if fault is not None:
            raise ValueError(f"it has {fault}")
        return uvs.astype(np.float32), uv_faces.astype(np.int64)
    except (ValueError, KeyError) as error:
        logger.warning("the cached texture atlas %s cannot be read (%s); making it again", path, error)
        return None
