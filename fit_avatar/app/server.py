"""The page's server: Gradio inside an application that lets browsers load nothing from elsewhere."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import tempfile
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

from fit_avatar.app.jobs import Jobs
from fit_avatar.app.options import LOOPBACK, AppOptions
from fit_avatar.app.page import STYLE, build
from fit_avatar.app.show import RESULTS
from fit_avatar.batch.task import PROGRAM
from fit_avatar.errors import BadInputError
from fit_avatar.io.optional import import_optional, install

logger = logging.getLogger(__name__)

QUIET = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
}
"""What Gradio and what it brings along read before they would ask or tell others anything."""
CLOSED = {"openapi_url": None, "docs_url": None, "redoc_url": None}
"""Pages of FastAPI that are not served."""
PAGE_POLICY = (
    "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; frame-src 'self'; object-src 'none'; "
    "base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
)
"""What browsers may load for the page: Gradio's scripts need inline code, and nothing comes from elsewhere."""
RESULT_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; "
    "media-src data: blob:; connect-src data: blob:; worker-src blob:; frame-ancestors 'self'; sandbox allow-scripts"
)
"""The same for a report, which holds all it needs."""
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""Addresses to listen at, of which a browser on this machine opens another."""
STOP_S = 2
"""How long open pages are waited for when the page ends. Chosen by hand."""
SWEEP_S = 20.0
"""Time between two looks for results that are to be deleted."""


def application(jobs: Jobs, options: AppOptions) -> Any:
    """Return the application, for any ASGI server.

    Raises:
        MissingDependencyError: Gradio is not installed.
    """
    os.environ.update(QUIET | {"GRADIO_TEMP_DIR": str(jobs.uploads)})
    gr = import_optional("gradio", "the page needs the package gradio", f"install it with `{install('gradio')}`")
    fastapi: Any = import_optional("fastapi", "the page needs the package fastapi", "it comes with gradio")
    responses: Any = import_optional("fastapi.responses", "the page needs the package fastapi", "it comes with gradio")
    hosts: Any = import_optional("starlette.middleware.trustedhost", "the page needs starlette", "it comes with gradio")
    app = fastapi.FastAPI(**CLOSED)
    if options.host in LOOPBACK:  # pages elsewhere cannot pose as this one by a name that leads here
        app.add_middleware(hosts.TrustedHostMiddleware, allowed_hosts=[*LOOPBACK, "[::1]"])

    @app.middleware("http")  # type: ignore[untyped-decorator]
    async def confine(request: Any, go_on: Callable[[Any], Awaitable[Any]]) -> Any:
        answer = await go_on(request)
        policy = RESULT_POLICY if request.url.path.startswith(RESULTS) else PAGE_POLICY
        answer.headers["Content-Security-Policy"] = policy
        answer.headers["X-Content-Type-Options"] = "nosniff"
        answer.headers["Referrer-Policy"] = "no-referrer"
        return answer

    def send(token: str, name: str, download: bool = False) -> Any:
        file = jobs.find(token, name)
        if file is None:
            return responses.PlainTextResponse("there is no such result: it may have been deleted", 404)
        return responses.FileResponse(file, filename=name if download else None)

    app.get(f"{RESULTS}/{{token}}/{{name}}")(send)
    plain = ["system-ui", "sans-serif"]
    theme = gr.themes.Base(font=plain, font_mono=["ui-monospace", "monospace"])  # others fetch theirs from elsewhere
    return gr.mount_gradio_app(
        app, build(gr, jobs, options), "/", server_name=options.host, server_port=options.port, footer_links=[],
        run_history=False, show_error=False, max_file_size=options.max_mb << 20, ssr_mode=False,
        enable_monitoring=False, pwa=False, mcp_server=False, theme=theme, css=STYLE, app_kwargs=CLOSED,
    )  # fmt: skip


def serve(
    options: AppOptions, ready: Callable[[str], None] = logger.warning, program: tuple[str, ...] = PROGRAM
) -> None:
    """Serve the page until the process is interrupted; then everything is deleted.

    Args:
        options: how it is served.
        ready: is told the address, and what else the user should know.
        program: what makes an avatar.

    Raises:
        BadInputError: an option cannot be used, or the port is taken.
        MissingDependencyError: Gradio is not installed.
    """
    options.check()
    with _root(options) as root, _listening(options) as listening:
        jobs = Jobs(root, options, program)
        app = application(jobs, options)
        uvicorn: Any = import_optional("uvicorn", "the page needs the package uvicorn", "it comes with gradio")
        over = threading.Event()
        sweeper = threading.Thread(target=_sweep, args=(jobs, over), daemon=True)
        sweeper.start()
        host = EVERYWHERE.get(options.host, options.host)
        host = f"[{host}]" if ":" in host else host
        if options.host not in LOOPBACK:
            ready("the page has no password: everybody who reaches this machine can use it")
        ready(f"open http://{host}:{listening.getsockname()[1]} in a browser; Ctrl-C ends it")
        try:
            how = uvicorn.Config(app, log_level="error", server_header=False, timeout_graceful_shutdown=STOP_S)
            server = uvicorn.Server(how)
            with _until_a_signal():
                server.run(sockets=[listening])
        finally:
            over.set()
            jobs.close()


@contextlib.contextmanager
def _root(options: AppOptions) -> Iterator[Path]:
    """Yield a new folder for videos and results, which is deleted in the end."""
    try:
        if options.folder is not None:
            options.folder.mkdir(parents=True, exist_ok=True)
        own = tempfile.TemporaryDirectory(prefix="fit-avatar-app-", dir=options.folder, ignore_cleanup_errors=True)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise BadInputError(f"nothing can be kept in {error.filename} ({reason}): choose another --folder") from None
    with own as folder:
        yield Path(folder)


@contextlib.contextmanager
def _until_a_signal() -> Iterator[None]:
    """Let the block end by Ctrl-C or a request to terminate, which uvicorn raises again once it has ended."""
    if threading.current_thread() is not threading.main_thread():  # only it hears of signals
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with contextlib.suppress(KeyboardInterrupt):
            yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def _listening(options: AppOptions) -> Iterator[socket.socket]:
    try:
        family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
        listening = socket.create_server((options.host, options.port), family=family)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        where = f"{options.host}:{options.port} ({reason.lower()})"
        raise BadInputError(f"nothing can listen at {where}: give another --port or --host") from None
    with listening:
        yield listening


def _sweep(jobs: Jobs, over: threading.Event) -> None:
    while not over.wait(SWEEP_S):
        jobs.sweep()
