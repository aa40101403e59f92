"""One clip of a batch in a process of its own, which runs the command ``fit-avatar``."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from fit_avatar import errors
from fit_avatar.batch.outcome import Outcome
from fit_avatar.config import Config
from fit_avatar.io.files import parse_json
from fit_avatar.io.fingerprint import digest, file_identity
from fit_avatar.io.lifeline import VARIABLE

PROGRAM: tuple[str, ...] = ()
"""What is run: none stands for this package in the Python that runs the task, on whichever machine that is."""
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENCV_FOR_THREADS_NUM")
"""Variables by which libraries are told how many threads to use; a user's own setting wins."""
TAIL_BYTES = 1 << 20
"""How much of a log's end is read: its last lines say how the run ended."""
STOP_S = 30.0
"""How long a process may take to end when it is asked to. Chosen by hand."""
CHECK_S = 0.1
"""Time between two looks at a process."""
KILLED = "its process was killed or lacked memory: let fewer clips run at once with a larger --memory-gb"


@dataclass(frozen=True)
class Task:
    """A clip to be fitted; plain values, which another machine understands."""

    name: str
    words: tuple[str, ...]
    """Options of the command, without the folder of the results."""
    folder: Path
    """Of the results."""
    log: Path
    outcome: Path
    """File in which it is noted what became of it."""
    key: str
    threads: int
    limit_s: float | None = None
    program: tuple[str, ...] = PROGRAM

    @property
    def command(self) -> list[str]:
        """Return the whole command line."""
        return [
            *(self.program or (sys.executable, "-m", "fit_avatar")),
            *self.words,
            "--out",
            str(self.folder),
            "--log",
            "json",
        ]


class Died(Exception):  # noqa: N818 an outcome rather than an error
    """A process ended without having told why, so that it is worth another try."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome)
        self.outcome = outcome


def words_of(config: Config) -> tuple[str, ...]:
    """Return the options that differ from the defaults as a command line, with whole paths."""
    words: list[str] = []
    for field in fields(Config):
        value = getattr(config, field.name)
        if field.name in ("out", "log", "view") or value == getattr(Config, field.name):
            continue
        option = field.name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{option}" if value else f"--no-{option}")
        elif isinstance(value, tuple):
            words += [f"--{option}", *map(_text, value)]
        else:
            named = field.name in ("body", "preset") and Path(value).is_file()
            words.append(f"--{option}={_text(Path(value) if named else value)}")
    return tuple(words)


def key_of(config: Config, version: str) -> str:
    """Return a hash of all that a clip's result depends on: its options, the files it reads, and the version."""
    files = [path for field in fields(Config) if field.name != "out" for path in _paths(getattr(config, field.name))]
    words = [word for word in words_of(config) if word not in ("--fresh", "--force")]
    return digest(words, [_identity(path) for path in files], version)


class Run:
    """The process of a clip, from its start to its outcome."""

    def __init__(self, task: Task, environment: Mapping[str, str] | None = None) -> None:
        """Start it; ``environment`` is added to this process's own."""
        self.task, self._began = task, time.perf_counter()
        task.log.parent.mkdir(parents=True, exist_ok=True)
        with task.log.open("ab") as log:
            start = {"event": "attempt", "host": socket.gethostname(), "worker": os.getpid(), "command": task.command}
            log.write(json.dumps(start).encode() + b"\n")
            log.flush()
            threads = {name: os.environ.get(name, str(task.threads)) for name in THREADS}
            self._process = subprocess.Popen(
                task.command, stdin=subprocess.PIPE, stdout=log, stderr=log,
                env={**os.environ, **threads, **(environment or {}), VARIABLE: "1"},
            )  # fmt: skip

    def ended(self) -> bool:
        """Return whether it is over; what takes longer than its limit is ended."""
        limit = self.task.limit_s
        if limit is not None and time.perf_counter() - self._began > limit and self._process.poll() is None:
            self.stop()
        return self._process.poll() is not None

    def ask_to_stop(self) -> None:
        """Ask it to end, without waiting."""
        self._process.terminate()

    def stop(self) -> None:
        """End it, if need be by force."""
        self.ask_to_stop()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def outcome(self) -> Outcome:
        """Return what became of the clip, once it is over.

        Raises:
            Died: it told nothing, or was interrupted by somebody.
        """
        assert self._process.stdin is not None
        self._process.stdin.close()
        code, seconds = self._process.wait(), time.perf_counter() - self._began
        told = list(_last_events(self.task.log))
        common: dict[str, Any] = {
            "name": self.task.name, "key": self.task.key, "attempts": attempts(self.task.log),
            "seconds": round(seconds, 1), "host": socket.gethostname(),
        }  # fmt: skip
        if self.task.limit_s is not None and code and seconds > self.task.limit_s:
            reason = f"it took longer than {self.task.limit_s / 60:g} minutes (--limit-min)"
            return Outcome(state="failed", reason=reason, **common)
        if code == 0:
            last: dict[str, Any] = next((each for each in reversed(told) if each.get("event") == "summary"), {})
            return Outcome(
                state="done", warnings=tuple(last.get("warnings", ())), numbers=_numbers(self.task.folder),
                peak_memory_gb=float(last.get("peak_memory_gb", 0)), **common,
            )  # fmt: skip
        reason = _reason(told, self.task.log)
        if code < 0 or not reason:
            raise Died(Outcome(state="failed", reason=KILLED, **common))
        return Outcome(state="failed", reason=reason, **common)


def attempts(log: Path) -> int:
    """Return how many attempts a log holds."""
    with contextlib.suppress(OSError), log.open("rb") as file:
        return sum(line.startswith(b'{"event": "attempt"') for line in file)
    return 0


def work(task: Task) -> Outcome:
    """Fit one clip, note what became of it, and return it.

    Raises:
        Died: its process was killed.
    """
    run = Run(task)
    try:
        while not run.ended():
            time.sleep(CHECK_S)
    except BaseException:
        run.stop()
        raise
    outcome = run.outcome()
    outcome.write(task.outcome)
    return outcome


def _text(value: Any) -> str:
    return os.path.abspath(value) if isinstance(value, Path) else str(value)


def _paths(value: Any) -> list[Path]:
    values = value if isinstance(value, tuple) else (value,)
    return [each for each in values if isinstance(each, Path)]


def _identity(path: Path) -> Any:
    """Return what tells a file, folder or pattern from a changed one; None if there is none."""
    try:
        return file_identity(path if path.exists() else path.parent)
    except (OSError, ValueError):
        return None


def _last_events(log: Path) -> Iterator[dict[str, Any]]:
    """Yield the JSON lines at the end of a log, of the last attempt alone."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - TAIL_BYTES))
        text = file.read().decode(errors="replace")
    for line in text.rpartition('{"event": "attempt"')[2].splitlines():
        with contextlib.suppress(ValueError, RecursionError):
            event = parse_json(line)
            if isinstance(event, dict):
                yield event


def _reason(told: list[dict[str, Any]], log: Path) -> str:
    """Return why a run has failed, in its own words; empty if it has not said so."""
    for event in reversed(told):
        if event.get("event") == "interrupted" or event.get("kind") == MemoryError.__name__:
            return ""
        if event.get("event") == "error":
            kind, message = str(event.get("kind", "")), str(event.get("message", ""))
            return message if hasattr(errors, kind) else f"{kind}: {message}"  # a fault of the program
    lines = (
        log.read_bytes()[-TAIL_BYTES:].decode(errors="replace").rpartition('{"event": "attempt"')[2].splitlines()[1:]
    )
    spoken = [line.removeprefix("fit-avatar: ") for line in lines if line.startswith("fit-avatar: ")]
    if spoken:
        return spoken[-1] if not spoken[-1].startswith("interrupted") else ""
    plain = [line.strip() for line in lines if line.strip() and not line.startswith("{")]
    return plain[-1][:500] if plain else ""


def _numbers(folder: Path) -> dict[str, float | None]:
    """Return the measures of a result that the table shows."""
    try:
        metrics = parse_json((folder / "metrics.json").read_text(encoding="utf-8"))
        return {
            "height_m": metrics["height_m"],
            "frames_used": metrics["frames_used"],
            "silhouette_iou": metrics["silhouette_iou"]["mean"],
            "keypoint_error_px": metrics["keypoint_error_px"]["mean"],
        }
    except (OSError, ValueError, KeyError, TypeError):  # several people have no such file together
        return {}
