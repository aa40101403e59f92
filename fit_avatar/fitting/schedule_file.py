"""Schedules as JSON files: printed, edited, and read again."""

from __future__ import annotations

import base64
import binascii
import importlib.util
import json
import sys
import types
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np

from fit_avatar import energies, solvers
from fit_avatar.body.part_multipliers import PartMultipliers
from fit_avatar.energies import Annealed, Energy, GemanMcClure, Huber, Term
from fit_avatar.errors import BadInputError, FitAvatarError
from fit_avatar.fitting import actions
from fit_avatar.fitting.schedule import Schedule
from fit_avatar.io.codec import Array, Codec, CodecError
from fit_avatar.io.files import parse_json, read_text, require_file

MAX_NAME, MAX_COUNT = 80, 10_000
"""Characters of a name, and iterations and the like of an optimiser."""
BUILT_IN: dict[str, Any] = {
    **{name: value for name, value in vars(energies).items() if isinstance(value, Energy)},
    **{kind.__name__: kind for kind in (Annealed, GemanMcClure, Huber, PartMultipliers, Schedule, Term)},
    **{name: vars(actions)[name] for name in actions.__all__ if is_dataclass(vars(actions)[name])},
    **{name: vars(solvers)[name] for name in solvers.__all__ if is_dataclass(vars(solvers)[name])},
}
"""What a file may name: energy terms, kernels, actions and optimisers."""


def load_extension(path: Path) -> ModuleType:
    """Import a Python file whose terms and actions a schedule may name.

    Raises:
        BadInputError: there is none, or it fails.
    """
    require_file(path, "extension", "give the Python file with your terms and actions")
    specification = importlib.util.spec_from_file_location(path.stem, path)
    if specification is None or specification.loader is None:
        raise BadInputError(f"the extension {path} is no Python file: give a file that ends in .py")
    module = importlib.util.module_from_spec(specification)
    sys.modules[path.stem] = module
    try:
        specification.loader.exec_module(module)
    except FitAvatarError:
        raise
    except (Exception, SystemExit) as error:  # whatever the user's file does wrong, the file is named
        raise BadInputError(f"the extension {path} fails: {type(error).__name__}: {error}") from error
    return module


def schedule_to_json(schedule: Schedule, extensions: Sequence[ModuleType] = ()) -> str:
    """Return a schedule as a text that :func:`schedule_from_json` reads, with nothing lost.

    Raises:
        BadInputError: it holds something that a file cannot; the message says which.
    """
    try:
        return json.dumps(_codec(extensions).encode(schedule), indent=2, ensure_ascii=False)
    except CodecError as error:
        raise BadInputError(f"the schedule {schedule.name} cannot be written to a file: {error}") from None


def schedule_from_json(text: str, where: str, extensions: Sequence[ModuleType] = ()) -> Schedule:
    """Return the schedule in a text.

    Args:
        text: JSON, as :func:`schedule_to_json` writes it.
        where: what to call it in messages.
        extensions: modules whose terms and actions it may name, beside those of this package.

    Raises:
        BadInputError: it is not a schedule, or names something that does not exist.
    """
    try:
        schedule = _codec(extensions).decode(parse_json(text))
        _check_types(schedule, "")
    except RecursionError:
        raise BadInputError(f"{where} is nested too deeply: print one with `fit-avatar presets smplify`") from None
    except (FitAvatarError, AttributeError, OverflowError, TypeError, ValueError) as error:
        raise BadInputError(
            f"{where} is not a schedule ({error}): print one with `fit-avatar presets smplify`"
        ) from None
    if not isinstance(schedule, Schedule):
        raise BadInputError(f"{where} is not a schedule: print one with `fit-avatar presets smplify`")
    for action in schedule.actions:
        if isinstance(action, Schedule) or not callable(getattr(action, "run", None)):
            kind = type(action).__name__
            raise BadInputError(f"{where} is not a schedule: one of its actions is a {kind}, which cannot be run")
    return schedule


def read_schedule(path: Path, extensions: Sequence[ModuleType] = ()) -> Schedule:
    """Read a schedule's file.

    Raises:
        BadInputError: it cannot be read, or is not a schedule.
    """
    text = read_text(path, "schedule")
    return schedule_from_json(text, str(path), extensions)


def _codec(extensions: Sequence[ModuleType]) -> Codec:
    known = dict(BUILT_IN)
    for module in extensions:
        public = {name: value for name, value in vars(module).items() if callable(value) and not name.startswith("_")}
        known |= {
            name: value
            for name, value in public.items()
            if getattr(_function(value), "__module__", "") == module.__name__
        }
    names = {id(_function(value)): name for name, value in known.items()}

    def name_of(value: Any) -> str | None:
        return names.get(id(_function(value)))

    def named(name: str) -> Any:
        if name not in known:
            kinds = ", ".join(sorted(n for n, value in known.items() if isinstance(value, type)))
            raise CodecError(f"it names {name!r}, which is no energy term and none of {kinds}")
        return known[name]

    return Codec(name_of, named, _put, _get)


def _function(value: Any) -> Any:
    """Return the function of an energy, which a term wraps anew; anything else as it is."""
    return value.function if isinstance(value, Energy) else value


def _put(array: Array) -> dict[str, Any]:
    data = base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
    return {"dtype": array.dtype.str, "shape": list(array.shape), "base64": data}


def _get(data: Any) -> Array:
    try:
        raw = base64.b64decode(data["base64"], validate=True)
        return np.frombuffer(raw, np.dtype(data["dtype"])).reshape(data["shape"]).copy()
    except (KeyError, TypeError, ValueError, binascii.Error) as error:
        raise CodecError(f"an array in it cannot be read ({error})") from None


# -- checking -------------------------------------------------------------------------------------------------


def _check_types(value: Any, where: str) -> None:
    """Say which field of a dataclass holds something of another type than it is declared.

    Raises:
        CodecError: one does.
    """
    if isinstance(value, (tuple, list)):
        for each in value:
            _check_types(each, where)
    elif isinstance(value, Mapping):
        for key, each in value.items():
            _check_types(each, key)
    elif is_dataclass(value) and not isinstance(value, type):
        own = getattr(value, "name", "")
        here = f"{type(value).__name__}{f' {own!r}' if isinstance(own, str) and own else ''}"
        hints = get_type_hints(type(value))
        for f in fields(value):
            inner = getattr(value, f.name)
            if not _accepts(hints[f.name], inner):
                raise CodecError(f"{f.name} of {here} must be {_in_words(hints[f.name])}, not {inner!r}")
            fault = _range_fault(value, f.name, inner)
            if fault:
                raise CodecError(f"{f.name} of {here} must be {fault}, not {inner!r}")
            _check_types(inner, f.name)


def _range_fault(owner: Any, name: str, value: Any) -> str | None:
    """Return what a name or number of an optimiser, term or action must be, if it is not."""
    if name == "name" and isinstance(value, str) and not (0 < len(value) <= MAX_NAME and value.isprintable()):
        return f"1 to {MAX_NAME} printable characters"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    if value != value:
        return "a number"
    if not (type(owner).__module__.startswith(solvers.__name__) or name == "weight"):
        return None
    if not 0 <= value < float("inf"):
        return "finite and not negative"
    if isinstance(value, int) and name != "weight" and not 1 <= value <= MAX_COUNT:
        return f"between 1 and {MAX_COUNT}"
    return None


def _accepts(hint: Any, value: Any) -> bool:
    """Return whether a value fits a type, as far as numbers, texts and tuples of them go."""
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return any(_accepts(each, value) for each in get_args(hint))
    if origin is tuple:
        kinds = get_args(hint)
        if not isinstance(value, tuple):
            return False
        each = kinds[:1] * len(value) if kinds[-1:] == (Ellipsis,) else kinds
        return len(each) == len(value) and all(_accepts(k, v) for k, v in zip(each, value, strict=True))
    if hint is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if hint in (str, bool, type(None)):
        return isinstance(value, hint)
    if isinstance(hint, type) and is_dataclass(hint):
        return isinstance(value, hint)
    return True


def _in_words(hint: Any) -> str:
    """Return a type in words, such as "a number or Annealed"."""
    if get_origin(hint) in (Union, types.UnionType):
        return " or ".join(_in_words(each) for each in get_args(hint))
    words = {float: "a number", int: "a whole number", str: "a text", bool: "true or false", type(None): "null"}
    return words.get(hint, getattr(hint, "__name__", str(hint)))
