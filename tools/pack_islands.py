"""Find how the islands of the default body's texture are packed with a larger head, and print the table of it.

In a clone, ``python tools/pack_islands.py``; it takes about ten minutes. The table belongs into
``fit_avatar/body/head_layout.py``. The body's largest island is turned by an angle chosen at random and put into a
corner; each of the others, the largest first, goes where it touches the most of what is there. What fits is tried
again with a larger head. Eyes get the resolution of the face.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft2, next_fast_len, rfft2

from fit_avatar.body import Body, load_body
from fit_avatar.body.head_layout import Place, digest_of, island_of, on_head

FloatArray = NDArray[np.float64]
Grid = NDArray[np.float32]

GRID = 256
"""Cells along each side of the square in which islands are moved."""
GAP = 3 / 2048
"""Distance between islands at least, and half of it from the edge of the square, as a part of its side; cells make it
larger, and the test of the layout measures it."""
FINER = 4
"""Islands are drawn so many times finer than a cell, and fill every cell that they touch."""
ASIDE_M = 0.01
"""The middle of an eye is farther from the head's middle than this, that of the tongue is not."""
STEP = 0.0025
"""By this part of the square the head grows."""
ROUGH = 0.05
"""Of two places about as good as each other within this, chance takes one."""


@dataclass(frozen=True)
class Island:
    """The triangles of an island, in the layout that the body comes with."""

    corners: FloatArray  # [n, 3, 2]
    of_head: NDArray[np.bool_]  # [n]
    surface_m2: float
    is_eye: bool

    @property
    def areas(self) -> FloatArray:
        """Return each triangle's part of the square. [n]"""
        (x, y), (z, w) = ((self.corners[:, k] - self.corners[:, 0]).T for k in (1, 2))
        return np.asarray(np.abs(x * w - y * z) / 2)

    @property
    def area(self) -> float:
        """Return its part of the square."""
        return float(self.areas.sum())

    @property
    def head(self) -> float:
        """Return the head's part of the square that it holds."""
        return float(self.areas[self.of_head].sum())

    @property
    def density(self) -> float:
        """Return its length in the square for one metre."""
        return float(np.sqrt(self.area / self.surface_m2))


def main() -> None:
    """Search, and print every table that is better than the one before."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tries", type=int, default=60, help="angles and corners of the largest island")
    parser.add_argument("--head", type=float, default=0.25, help="part of the square that the head has at least")
    options = parser.parse_args()
    body = load_body()
    islands = islands_of(body)
    trunk, face = (int(np.argmax([getattr(i, what) for i in islands])) for what in ("area", "head"))
    eyes = [islands[face].density / island.density if island.is_eye else 1.0 for island in islands]
    others = sum(island.head for k, island in enumerate(islands) if k != face and not island.is_eye)
    growing = islands[face].head + sum(
        scale**2 * island.head for scale, island in zip(eyes, islands, strict=True) if island.is_eye
    )
    rng, share = np.random.default_rng(0), options.head
    for _ in range(options.tries):
        angle, corner = rng.choice([0.0, 90.0, *rng.uniform(0, 180, 3)]), rng.choice([0.0, 1.0], 2)
        while True:
            larger = float(np.sqrt((share - others) / growing))
            scales = [larger * eyes[k] if k == face or islands[k].is_eye else 1.0 for k in range(len(islands))]
            places = packed(islands, scales, trunk, angle, corner, rng)
            if places is None:
                break
            print(f'# the head has {share:.4f} of the square\n_OF = "{digest_of(body)}"\n_PLACES = (')
            for scale, *turn_and_shift in places:
                rounded = (np.ceil(1e5 * scale) / 1e5, *turn_and_shift)  # never a little less than was asked for
                print(f"    {tuple(round(float(v), 5) for v in rounded)},")
            print(")", flush=True)
            share += STEP


def islands_of(body: Body) -> list[Island]:
    """Return the islands by their first triangles. Eyes are loose pieces off its middle that look forwards."""
    label, of_head = island_of(body), on_head(body)
    corners = body.uvs.double().numpy()[body.uv_faces.numpy()]
    places = body.template.double().numpy()[body.faces.numpy()]
    sides = places[:, 1:] - places[:, :1]
    normal = np.cross(sides[:, 0], sides[:, 1]) / 2
    area = np.linalg.norm(normal, axis=1)
    loose = ~body.skin.numpy()[body.faces.numpy()[:, 0]]
    found = []
    for each in range(label.max() + 1):
        mine = label == each
        shows = abs(places[mine, :, 0].mean()) > ASIDE_M and normal[mine, 2].mean() > 0
        found.append(Island(corners[mine], of_head[mine], area[mine].sum(), bool(loose[mine].all() and shows)))
    return found


def packed(
    islands: Sequence[Island],
    scales: Sequence[float],
    trunk: int,
    angle: float,
    corner: FloatArray,
    rng: np.random.Generator,
) -> list[Place] | None:
    """Return where islands of these scales lie, None if one found no room."""
    taken: Grid = np.zeros((GRID, GRID), np.float32)
    places: list[Place | None] = [None] * len(islands)
    order = sorted(range(len(islands)), key=lambda each: (each != trunk, -islands[each].area * scales[each] ** 2))
    for each in order:
        turns = [angle] if each == trunk else np.arange(0, 360, 5 if islands[each].area > 0.1 else 15)
        best: tuple[float, Place, Grid, tuple[int, int]] | None = None
        near = cv2.GaussianBlur(cv2.copyMakeBorder(taken, 12, 12, 12, 12, cv2.BORDER_CONSTANT, value=1), (0, 0), 3)
        filled, beside = _transformed(taken), _transformed(near[12:-12, 12:-12])
        for turn in turns:
            shape, offset = drawn(islands[each], scales[each], float(turn))
            height, width = shape.shape
            if max(height, width) > GRID:
                continue
            mine = np.conj(_transformed(shape))
            room = slice(GRID - height + 1), slice(GRID - width + 1)
            free, touch = (irfft2(cells * mine, (_PADDED,) * 2)[room] for cells in (filled, beside))
            good = np.where(free < 0.5, touch / np.sqrt(shape.sum()), -1)
            if each == trunk:
                row, column = (np.array(good.shape) - 1) * corner.astype(int)
            else:
                good += ROUGH * good.max() * rng.uniform(0, 1, good.shape) * (good > 0)
                row, column = divmod(int(good.argmax()), good.shape[1])
            if good[row, column] > 0 and (best is None or good[row, column] > best[0]):
                place = (scales[each], float(turn), column / GRID - offset[0], row / GRID - offset[1])
                best = float(good[row, column]), place, shape, (row, column)
        if best is None:
            return None
        _, places[each], shape, (row, column) = best
        taken[row : row + shape.shape[0], column : column + shape.shape[1]] += shape
    return [place for place in places if place is not None]


def drawn(island: Island, scale: float, angle: float) -> tuple[Grid, FloatArray]:
    """Return the cells that an island fills with half the gap around it, and the first one's corner in the square."""
    cosine, sine = scale * np.cos(np.radians(angle)), scale * np.sin(np.radians(angle))
    corners = island.corners @ np.array([[cosine, sine], [-sine, cosine]])
    low, high = corners.min((0, 1)), corners.max((0, 1))
    margin = GAP / 2 * GRID + 0.5
    columns, rows = (np.ceil((high - low) * GRID + 2 * margin).astype(int) + 1).tolist()
    fine = np.zeros((rows * FINER, columns * FINER), np.uint8)
    for triangle in np.round(16 * FINER * ((corners - low) * GRID + margin)).astype(np.int32):
        cv2.fillConvexPoly(fine, triangle, 1, shift=4)
    fine = cv2.dilate(fine, _disc(int(np.ceil(GAP / 2 * GRID * FINER))))
    cells = fine.reshape(rows, FINER, columns, FINER).max((1, 3))
    there = [np.flatnonzero(cells.any(axis)) for axis in (0, 1)]
    first = np.array([there[0][0], there[1][0]])
    cut = cells[there[1][0] : there[1][-1] + 1, there[0][0] : there[0][-1] + 1]
    return cut.astype(np.float32), low + (first - margin) / GRID


@lru_cache
def _disc(radius: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1,) * 2), np.uint8)


_PADDED = next_fast_len(2 * GRID)


def _transformed(cells: Grid) -> NDArray[np.complex64]:
    return np.asarray(rfft2(cells, (_PADDED,) * 2))


if __name__ == "__main__":
    main()
