"""The body is built once and kept as one .npz in the user's cache folder."""

from __future__ import annotations

import logging
import os
import tempfile
from pathlib import Path

from platformdirs import user_cache_dir

from fit_avatar.body.anny_body import RECIPE, Progress, build_anny_body
from fit_avatar.body.model import Body
from fit_avatar.errors import BadInputError

logger = logging.getLogger(__name__)

MAX_BETAS = 16


def cache_folder() -> Path:
    """Return the user's cache folder; ``FIT_AVATAR_CACHE`` overrides it."""
    return Path(os.environ.get("FIT_AVATAR_CACHE") or user_cache_dir("fit-avatar"))


def load_body(num_betas: int = 10, progress: Progress | None = None) -> Body:
    """Return the default body, from the cache where this recipe's version is there.

    Raises:
        BadInputError: ``num_betas`` is outside 1…16.
        MissingDependencyError: it must be built and ``anny`` is not installed.
    """
    if not 1 <= num_betas <= MAX_BETAS:
        raise BadInputError(f"num_betas is {num_betas}, but the body has between 1 and {MAX_BETAS} shape coefficients")
    path = cache_folder() / f"anny-v{RECIPE}-{num_betas}.npz"
    if path.exists():
        try:
            return Body.load(path)
        except Exception as error:
            logger.warning("the cached body %s cannot be read (%s); building it again", path, error)
    body = build_anny_body(num_betas, progress)
    try:
        _write(body, path)
    except OSError as error:
        logger.warning("the body could not be cached in %s (%s); it will be built again next time", path.parent, error)
    return body


def _write(body: Body, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(suffix=".npz", dir=path.parent)
    os.close(handle)
    try:
        body.save(Path(name))
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
