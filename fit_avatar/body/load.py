"""Loading a body: the default one, which comes with the package, or a model file."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from platformdirs import user_cache_dir

from fit_avatar.body.default_body import DEFAULT, NAMES, read_default
from fit_avatar.body.model import Body
from fit_avatar.body.smpl import read_smpl
from fit_avatar.body.unwrap import with_atlas

Progress = Callable[[str, int, int], None]


def cache_folder() -> Path:
    """Return the user's cache folder; ``FIT_AVATAR_CACHE`` overrides it."""
    return Path(os.environ.get("FIT_AVATAR_CACHE") or user_cache_dir("fit-avatar"))


def load_body(num_betas: int = 10, progress: Progress | None = None, path: Path | str | None = None) -> Body:
    """Return the default body, or the body in a file.

    Args:
        num_betas: number of shape coefficients; the default body has up to 16.
        progress: called with a label, steps done and steps in all.
        path: of a model file of SMPL, SMPL-H or SMPL-X; "anny-hands" for the default body with fingers
            (SMPL-H's 52 joints); by default the default body with SMPL's 24 joints.

    Raises:
        BadInputError: ``num_betas`` is more than the body has, or the file cannot be used.
        MissingDependencyError: a file's body needs texture coordinates and ``xatlas`` is not installed.
    """
    name = DEFAULT if path is None else str(path)
    return read_default(name, num_betas) if name in NAMES else _from_file(Path(name), num_betas, progress)


def _from_file(path: Path, num_betas: int, progress: Progress | None) -> Body:
    report = progress or (lambda label, done, total: None)
    label = "reading the body"
    report(label, 0, 2)
    body = read_smpl(path, num_betas)
    report(label, 1, 2)
    if not len(body.uvs):
        body = with_atlas(body, cache_folder())
    report(label, 2, 2)
    return body
