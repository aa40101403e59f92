"""The body is built once, and again only when it must be."""

import numpy as np
import pytest
from toy_body import toy_body

from fit_avatar.body import cache
from fit_avatar.body.model import Body
from fit_avatar.errors import BadInputError


@pytest.fixture
def builds(monkeypatch, tmp_path):
    """Count builds, which give a toy body, in an empty cache folder."""
    calls = []

    def build(num_betas, progress=None):
        calls.append(num_betas)
        return toy_body()

    monkeypatch.setenv("FIT_AVATAR_CACHE", str(tmp_path))
    monkeypatch.setattr(cache, "build_anny_body", build)
    return calls


def test_built_once(builds):
    first, second = cache.load_body(), cache.load_body()
    assert builds == [10]
    assert np.array_equal(first.template, second.template) and first.parents == second.parents


def test_another_number_of_betas_is_another_body(builds):
    cache.load_body(10)
    cache.load_body(16)
    assert builds == [10, 16]


def test_rebuilt_when_the_recipe_changes(builds, monkeypatch):
    cache.load_body()
    monkeypatch.setattr(cache, "code_identity", lambda *modules: "another recipe")
    cache.load_body()
    assert len(builds) == 2


def test_damaged_cache_is_rebuilt(builds, tmp_path):
    cache.load_body()
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:100])
    cache.load_body()
    assert len(builds) == 2


def test_round_trip_keeps_every_field(tmp_path):
    body = toy_body()
    body.save(tmp_path / "body.npz")
    again = Body.load(tmp_path / "body.npz")
    assert again.joint_names == body.joint_names and again.part_names == body.part_names and again.name == body.name
    assert np.array_equal(again.lbs_weights, body.lbs_weights)


def test_impossible_number_of_betas(builds):
    with pytest.raises(BadInputError, match="between 1 and 16"):
        cache.load_body(40)
