"""Presets as JSON files: printed, edited, and read again."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from fit_avatar import energies
from fit_avatar.energies import Annealed, Energy, GemanMcClure, Huber, PartMultipliers, Term
from fit_avatar.errors import BadInputError
from fit_avatar.fitting.stage import AnyStage, ConsensusStage, Stage
from fit_avatar.solvers.optimisers import LBFGS, Adam, GaussNewton

KINDS = {kind.__name__: kind for kind in (GemanMcClure, Huber, GaussNewton, LBFGS, Adam)}


def to_json(name: str, about: str, stages: tuple[AnyStage, ...], flip_test: bool, key_frames: int | None) -> str:
    """Return a preset as a JSON text that :func:`from_json` reads."""
    whole = {
        "name": name,
        "about": about,
        "flip_test": flip_test,
        "key_frames": key_frames,
        "stages": [stage.describe() for stage in stages],
    }
    return json.dumps(whole, indent=2, ensure_ascii=False)


def from_json(text: str, where: str) -> dict[str, Any]:
    """Return the arguments of a preset: name, about, stages, flip_test, key_frames.

    Only the energy terms of this package can be named; terms of your own are added in a script.

    Args:
        text: of the file.
        where: what to call it in messages.

    Raises:
        BadInputError: it is not a preset, or names something that does not exist.
    """
    try:
        whole = json.loads(text)
        stages = tuple(_stage(stage, where) for stage in whole["stages"])
        keys = whole.get("key_frames")
        if keys is not None and not (isinstance(keys, int) and keys >= 2):
            raise BadInputError(f"{where}: key_frames must be a whole number from 2 up, or null, not {keys!r}")
        return {
            "name": str(whole["name"]),
            "about": str(whole.get("about", "")),
            "flip_test": bool(whole.get("flip_test", False)),
            "key_frames": keys,
            "stages": stages,
        }
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        told = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
        raise BadInputError(f"{where} is not a preset ({told}): print one with `fit-avatar presets smplify`") from None


def read_text(path: Path) -> str:
    """Return the text of a preset's file.

    Raises:
        BadInputError: it cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError(f"the preset {path} cannot be read ({error})") from None


def _stage(data: Mapping[str, Any], where: str) -> AnyStage:
    if "terms" not in data:
        return ConsensusStage(**_checked(ConsensusStage, data, where))
    return Stage(
        name=data["name"],
        terms=tuple(_term(term, where) for term in data["terms"]),
        free=tuple(data["free"]),
        optimiser=_made(data["optimiser"], where),
        frozen_joints=tuple(data.get("frozen_joints", ())),
        measure_noise=bool(data.get("measure_noise", False)),
        choose=bool(data.get("choose", False)),
        calibrate=bool(data.get("calibrate", False)),
        every_frame=bool(data.get("every_frame", False)),
        pictures=bool(data.get("pictures", False)),
    )


def _term(data: Mapping[str, Any], where: str) -> Term:
    residual = getattr(energies, data["residual"], None)
    if not isinstance(residual, Energy):
        raise BadInputError(f"{where} names a term {data['residual']!r} that does not exist")
    kernel, weight = data.get("kernel"), _value(data["weight"])
    ends = (weight.first, weight.last) if isinstance(weight, Annealed) else (weight,)
    if not all(isinstance(end, (int, float)) and math.isfinite(end) and end >= 0 for end in ends):
        raise BadInputError(f"{where}: the weight of {data['residual']} must be a number from 0 up, not {weight}")
    return Term(
        residual,
        weight=weight,
        kernel=None if kernel is None else _made(kernel, where),
        data={name: _value(value) for name, value in data.get("data", {}).items()},
        name=data.get("name", ""),
        optional=bool(data.get("optional", False)),
    )


def _made(data: Mapping[str, Any], where: str) -> Any:
    """Return a kernel or an optimiser."""
    kind = KINDS.get(data["kind"])
    if kind is None:
        raise BadInputError(f"{where} names {data['kind']!r}, which is none of {', '.join(KINDS)}")
    return kind(**_checked(kind, {name: value for name, value in data.items() if name != "kind"}, where))


def _checked(kind: Any, data: Mapping[str, Any], where: str) -> dict[str, Any]:
    known = {field.name for field in fields(kind)}
    for name in data:
        if name not in known:
            raise BadInputError(f"{where} sets {name!r}, which {kind.__name__} does not have ({', '.join(known)})")
    values = {name: _value(value) for name, value in data.items()}
    numbers = {field.name for field in fields(kind) if field.type in ("int", "float", "Value")}
    for name, value in values.items():
        if name in numbers and not (isinstance(value, (int, float, Annealed)) and not isinstance(value, bool)):
            raise BadInputError(f"{where}: {name} of {kind.__name__} must be a number, not {value!r}")
    return values


def _value(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(value)
    if isinstance(value, Mapping):
        return Annealed(**value) if "first" in value else PartMultipliers(**value)
    return value
