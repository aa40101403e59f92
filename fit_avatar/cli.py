"""The command ``fit-avatar``: one sentence and an exit code for everything that goes wrong.

Until the options are read, only the standard library is loaded, so that Ctrl-C is understood from the start.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence

from fit_avatar.errors import FitAvatarError, UsageError
from fit_avatar.io.lifeline import follow

USER_ERROR = 2
STDERR = 2
INTERRUPTED = 130
REMEDY = ": install the packages of requirements.txt in a new virtual environment"
ENVIRONMENT = {
    # Idle threads of PyTorch otherwise spin for milliseconds, which makes everything three times slower where other
    # programs compete for the cores.
    "GOMP_SPINCOUNT": "3000",
    # Libraries that would write their own messages between ours.
    "OPENCV_LOG_LEVEL": "ERROR",
    "OPENCV_FFMPEG_LOGLEVEL": "-8",
    # What OpenCV decodes of pictures whose size nothing else limits.
    "CV_IO_MAX_IMAGE_PIXELS": str(1 << 27),
}
"""What libraries read when they are loaded; a user's setting wins."""
MAX_WORD, MAX_LINE = 240, 1200
"""Characters of a word and of a message that are shown."""
UNUSABLE = (
    errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.EROFS,
)  # fmt: skip
"""Errors about a path that the user can mend."""
DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Args:
        argv: the arguments after the program's name; by default the process's own.
    """
    argv = sys.argv[1:] if argv is None else list(argv)
    for name, value in ENVIRONMENT.items():  # before any of the libraries is loaded
        os.environ.setdefault(name, value)
    _escape_what_the_terminal_lacks()
    try:
        from fit_avatar.arguments import TOOLS, parse, run_tool

        if argv and argv[0] in TOOLS:
            with _termination_like_interruption():
                return 0 if run_tool(argv[0], argv[1:]) else USER_ERROR
        if argv == ["--version"]:
            from fit_avatar.doctor import own_version

            print(f"fit-avatar {own_version()}")
            return 0
        if argv == ["help"]:
            argv = ["--help"]
        follow()
        config = parse(argv)
        from fit_avatar.progress import reporter_for

        quiet = contextlib.nullcontext() if config.log == "verbose" else _silent_libraries()
        with quiet, _termination_like_interruption(), reporter_for(config.log) as reporter:
            with _interruptions_wait():
                from fit_avatar import command, everyone  # after the options are read: --help needs no torch
                from fit_avatar.io.memory import share_free_memory

            share_free_memory()

            run = everyone.run if config.person == everyone.ALL else command.run
            summary = run(config, reporter)
        reporter.show(summary)
        return 0
    except UsageError as error:
        raise SystemExit(_fail(str(error), USER_ERROR)) from None
    except FitAvatarError as error:
        return _fail(str(error), USER_ERROR)
    except MemoryError:
        return _fail("there is not enough memory: use smaller pictures or fewer --frames", USER_ERROR)
    except KeyboardInterrupt:
        return _fail("interrupted; run the same command again to continue", INTERRUPTED)
    except ImportError as error:
        if (error.name or "").startswith("fit_avatar"):
            raise
        return _without_packages(error, argv)
    except BrokenPipeError:  # fit-avatar --help | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        if error.errno in DISK_FULL:
            where = f" while writing {error.filename}" if error.filename else ""
            return _fail(f"the disk is full{where}: free some space and run the same command again", USER_ERROR)
        if error.errno in UNUSABLE and error.filename:
            reason = (error.strerror or "").lower()
            return _fail(f"{error.filename} cannot be opened ({reason}): check path and permissions", USER_ERROR)
        raise


@contextlib.contextmanager
def _termination_like_interruption() -> Iterator[None]:
    """Let a request to terminate end a run as Ctrl-C does: half-written files are removed."""
    if threading.current_thread() is not threading.main_thread():  # only it may say so
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def _interruptions_wait() -> Iterator[None]:
    """Let Ctrl-C wait while libraries load, a second or two: NumPy and others make errors of their own of it."""
    if threading.current_thread() is not threading.main_thread():  # only it may say so
        yield
        return
    asked: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, lambda number, _: asked.append(number))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if asked:
        raise KeyboardInterrupt


@contextlib.contextmanager
def _silent_libraries() -> Iterator[None]:
    """Keep warnings of libraries, and what those in C print (FFmpeg's remarks on a damaged file), from the terminal."""
    own = sys.stderr
    try:
        shared = own.fileno() == STDERR
    except (AttributeError, OSError, ValueError):
        shared = False
    if not shared:  # somebody has redirected it, such as a test
        yield
        return
    own.flush()
    before = os.dup(STDERR)
    with open(before, "w", encoding=own.encoding, errors="backslashreplace", buffering=1) as stream:
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, STDERR)
        os.close(nothing)
        sys.stderr = stream
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield
        finally:
            sys.stderr = own
            stream.flush()
            os.dup2(before, STDERR)


def _escape_what_the_terminal_lacks() -> None:
    """Let a terminal without UTF-8 show escapes instead of what it cannot show."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def _without_packages(error: ImportError, argv: Sequence[str]) -> int:
    """Say how to install what is missing, by the standard library alone: pip refuses a Python that is too new."""
    from fit_avatar import doctor

    if list(argv) == ["doctor"]:
        print(doctor.examine())
        return USER_ERROR
    python = doctor.python()
    if python.problem:
        return _fail(f"this is Python {python.version}, and {python.problem}: {python.remedy}", USER_ERROR)
    return _fail(f"{error}{REMEDY}", USER_ERROR)


def _fail(message: str, code: int) -> int:
    print(f"fit-avatar: {one_line(message)}", file=sys.stderr)
    return code


def one_line(message: str) -> str:
    """Return a message on one line of bearable length: control characters are escaped, and long names are shortened."""
    plain = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in message)
    words = (w if len(w) <= MAX_WORD else f"{w[: MAX_WORD // 2]}…{w[-MAX_WORD // 2 :]}" for w in plain.split(" "))
    line = " ".join(words)
    return line if len(line) <= MAX_LINE else f"{line[: MAX_LINE // 2]}…{line[-MAX_LINE // 2 :]}"
