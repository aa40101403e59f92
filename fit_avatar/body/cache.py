"""Loading a body: the default one, built once and cached in the user's cache folder, or a model file."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from platformdirs import user_cache_dir

from fit_avatar.body.anny_body import Progress, build_anny_body
from fit_avatar.body.model import Body
from fit_avatar.body.smpl import read_smpl
from fit_avatar.body.unwrap import with_atlas
from fit_avatar.errors import BadInputError
from fit_avatar.io.atomic import atomic_path
from fit_avatar.io.fingerprint import code_identity

logger = logging.getLogger(__name__)

MAX_BETAS = 16
"""Shape coefficients of the default body, at most: later components are hardly more than noise of the samples."""
WITH_HANDS = "anny-hands"
DEFAULTS = ("anny", WITH_HANDS)
"""Names of the bodies that need no file."""


def cache_folder() -> Path:
    """Return the user's cache folder; ``FIT_AVATAR_CACHE`` overrides it."""
    return Path(os.environ.get("FIT_AVATAR_CACHE") or user_cache_dir("fit-avatar"))


def load_body(num_betas: int = 10, progress: Progress | None = None, path: Path | str | None = None) -> Body:
    """Return the default body, from the cache if it was built before, or the body in a file.

    Args:
        num_betas: number of shape coefficients.
        progress: called with a label, steps done and steps in all.
        path: of a model file of SMPL, SMPL-H or SMPL-X; "anny-hands" for the default body with fingers
            (SMPL-H's 52 joints); by default the default body with SMPL's 24 joints.

    Raises:
        BadInputError: ``num_betas`` is more than the body has, or the file cannot be used.
        MissingDependencyError: the default body must be built and ``anny`` is not installed, or a file's body
            needs texture coordinates and ``xatlas`` is not installed.
    """
    if path is not None and str(path) not in DEFAULTS:
        return _from_file(Path(path), num_betas, progress)
    if not 1 <= num_betas <= MAX_BETAS:
        raise BadInputError(f"num_betas is {num_betas}, but the body has between 1 and {MAX_BETAS} shape coefficients")
    fingers = str(path) == WITH_HANDS
    recipe = code_identity("fit_avatar.body.anny_body")[:12]  # with the versions of the packages that it uses
    kept = cache_folder() / f"{WITH_HANDS if fingers else 'anny'}-{num_betas}-{recipe}.npz"
    if kept.exists():
        try:
            return Body.load(kept)
        except Exception as error:
            logger.warning("the cached body %s cannot be read (%s); building it again", kept, error)
    body = build_anny_body(num_betas, progress, fingers=True) if fingers else build_anny_body(num_betas, progress)
    try:
        with atomic_path(kept) as temporary:
            body.save(temporary)
    except (OSError, BadInputError) as error:
        logger.warning("the body could not be cached and will be built again next time: %s", error)
    return body


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
