"""``--view``: the fit in a browser while it runs, updated after every stage."""

from __future__ import annotations

import contextlib
import io
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from fit_avatar.body.model import Body
from fit_avatar.body.skinning import pose_body
from fit_avatar.body.state import BodyState
from fit_avatar.io.optional import import_optional, install
from fit_avatar.progress import Left, Reporter

if TYPE_CHECKING:
    from types import TracebackType

COLOUR = (150, 190, 235)
CAMERA_TO_VIEWER = np.array([1.0, -1.0, -1.0], np.float32)
"""The viewer's y points up and its z towards the viewer."""


class LiveViewer:
    """Serves a page, to this computer only, that shows the body in any frame as the last stage left it.

    It is a :class:`~fit_avatar.progress.Reporter` that shows the progress and passes it on to another one. Whoever
    opens it closes it, or uses it in a ``with`` block.
    """

    def __init__(self, reporter: Reporter) -> None:
        """Start the server.

        Args:
            reporter: receives everything that the viewer receives.

        Raises:
            MissingDependencyError: viser is not installed.
        """
        self._server = _server()
        self._reporter = reporter
        self._vertices: NDArray[np.float32] = np.zeros((0, 0, 3), np.float32)
        self._faces: NDArray[np.int64] = np.zeros((0, 3), np.int64)
        self._drawing = threading.Lock()
        self._left = ""
        self._status = self._server.gui.add_markdown("waiting for the first stage of the fit")
        self._slider: Any = None

    def __enter__(self) -> LiveViewer:
        """Return the viewer, which serves already."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop the server."""
        self.close()

    @property
    def address(self) -> str:
        """Return the address of the page."""
        return f"http://{self._server.get_host()}:{self._server.get_port()}"

    def start(self, stage: str) -> None:
        """Show which stage runs."""
        self._status.content = f"**{stage}**{self._left}"
        self._reporter.start(stage)

    def advance(self, label: str, done: int, total: int) -> None:
        """Show how far it is."""
        self._status.content = f"**{label}** {done} of {total}{self._left}"
        self._reporter.advance(label, done, total)

    def finish(self, stage: str, seconds: float, cached: bool) -> None:
        """Pass on that a stage is done."""
        self._reporter.finish(stage, seconds, cached)

    def expect(self, left: Left) -> None:
        """Show how much time is left beside the stage."""
        self._left = f" · {left.sentence}"
        self._reporter.expect(left)

    def show(self, body: Body, state: BodyState) -> None:
        """Show the body in the T poses that a stage has estimated; the slider selects the frame.

        T may change between stages, from the key frames to all frames.
        """
        with torch.no_grad():
            posed = pose_body(body, state).vertices.cpu().numpy() * CAMERA_TO_VIEWER
        skin = body.skin.cpu().numpy()
        faces = body.faces.cpu().numpy()
        with self._drawing:
            self._vertices = np.asarray(posed - posed[:, skin].mean((0, 1)), np.float32)
            self._faces = faces[skin[faces].all(1)]
        last = max(1, len(posed) - 1)
        if self._slider is None:
            self._slider = self._server.gui.add_slider("frame", 0, last, 1, 0)
            self._slider.on_update(lambda _: self._draw())
        elif self._slider.max != last:
            self._slider.value = min(int(self._slider.value), last)
            self._slider.max = last
        self._draw()

    def close(self) -> None:
        """Stop the server; the page keeps what it shows."""
        with contextlib.redirect_stdout(io.StringIO()):  # standard output may be read by a program
            self._server.stop()

    def _draw(self) -> None:
        with self._drawing:  # the slider moves in a thread of its own
            frame = min(int(self._slider.value), len(self._vertices) - 1)
            self._server.scene.add_mesh_simple("/person", self._vertices[frame], self._faces, color=COLOUR)


def _server() -> Any:
    viser = import_optional("viser", "--view needs viser", install("viser"))
    with contextlib.redirect_stdout(io.StringIO()):
        server = viser.ViserServer(host="127.0.0.1", label="fit-avatar", verbose=False)
    server.scene.set_up_direction("+y")

    def look(client: Any) -> None:
        client.camera.position, client.camera.look_at = (0.0, 0.2, 2.6), (0.0, 0.0, 0.0)

    server.on_client_connect(look)
    return server
