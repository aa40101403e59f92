"""Surface distances, on surfaces of known distance."""

import builtins
from typing import Any

import numpy as np
import pytest

from fit_avatar.errors import MissingDependencyError
from fit_avatar.evaluate import sample_surface, surface_distance

SQUARE = np.array([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]])
FACES = np.array([[0, 1, 2], [0, 2, 3]])


@pytest.fixture
def open3d() -> Any:
    return pytest.importorskip("open3d", exc_type=(ImportError, OSError))


def test_samples_are_on_the_surface_and_even() -> None:
    stretched = SQUARE * [3, 1, 1]
    points = sample_surface(stretched, FACES, 20_000)
    assert np.abs(points[:, 2]).max() == 0
    assert points.min() >= 0 and points[:, 0].max() <= 3 and points[:, 1].max() <= 1
    counts, *_ = np.histogram2d(points[:, 0], points[:, 1], bins=(6, 4), range=((0, 3), (0, 1)))
    assert np.abs(counts / counts.mean() - 1).max() < 0.15
    np.testing.assert_array_equal(points, sample_surface(stretched, FACES, 20_000))


def test_parallel_squares(open3d: Any) -> None:
    apart = surface_distance(SQUARE, FACES, SQUARE + [0, 0, 0.01], FACES, 2000)
    np.testing.assert_allclose(apart.forward, 0.01, rtol=1e-4)
    np.testing.assert_allclose(apart.backward, 0.01, rtol=1e-4)
    assert apart.mean == pytest.approx(0.01, rel=1e-4)
    assert apart.percentile(95) == pytest.approx(0.01, rel=1e-4)


def test_the_two_directions_differ_for_a_part(open3d: Any) -> None:
    """Half of a square lies on the whole one; the other half of the whole is 0 … 0.5 away, 0.125 on average."""
    half = SQUARE * [0.5, 1, 1]
    distance = surface_distance(half, FACES, SQUARE, FACES, 40_000)
    assert distance.forward.max() < 1e-6
    assert distance.backward.mean() == pytest.approx(0.125, abs=0.003)


def test_a_missing_open3d_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, ModuleNotFoundError("No module named 'open3d'", name="open3d"))
    with pytest.raises(MissingDependencyError, match=r"pip install open3d"):
        surface_distance(SQUARE, FACES, SQUARE, FACES, 10)


def test_a_missing_system_library_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, OSError("libusb-1.0.so.0: cannot open shared object file"))
    with pytest.raises(MissingDependencyError, match=r"libusb-1\.0\.so\.0.*apt install libgl1 .* libusb-1\.0-0"):
        surface_distance(SQUARE, FACES, SQUARE, FACES, 10)


def without(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """Let ``import open3d`` fail."""
    usual = builtins.__import__

    def refuse(name: str, *rest: Any, **named: Any) -> Any:
        if name.partition(".")[0] == "open3d":
            raise error
        return usual(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", refuse)
