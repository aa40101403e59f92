"""``--view``: the fit in a browser while it runs, renewed after every stage."""

from __future__ import annotations

import atexit
import contextlib
import io
import threading
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from fit_avatar.body.model import Body
from fit_avatar.body.skinning import pose_body
from fit_avatar.body.state import BodyState
from fit_avatar.errors import MissingDependencyError
from fit_avatar.progress import Reporter

COLOUR = (150, 190, 235)
CAMERA_TO_VIEWER = np.array([1.0, -1.0, -1.0], np.float32)
"""The viewer's y points up and its z to the viewer."""


class LiveViewer:
    """Serves a page on this computer only that shows the body in any frame as the last stage has left it.

    It is told how a run gets on like any other :class:`~fit_avatar.progress.Reporter`, and passes it on.
    """

    def __init__(self, reporter: Reporter) -> None:
        """Start serving.

        Args:
            reporter: is told everything that the viewer is told.

        Raises:
            MissingDependencyError: viser is not installed.
        """
        self._server = _server()
        self._reporter = reporter
        self._vertices: NDArray[np.float32] = np.zeros((0, 0, 3), np.float32)
        self._faces: NDArray[np.int64] = np.zeros((0, 3), np.int64)
        self._drawing = threading.Lock()
        self._told = self._server.gui.add_markdown("waiting for the first stage of the fit")
        self._slider: Any = None
        atexit.register(self.close)  # before viser's own goodbye, which would go to standard output

    @property
    def address(self) -> str:
        """Return where to look."""
        return f"http://{self._server.get_host()}:{self._server.get_port()}"

    def start(self, stage: str) -> None:
        """Say which stage runs."""
        self._told.content = f"**{stage}**"
        self._reporter.start(stage)

    def advance(self, label: str, done: int, total: int) -> None:
        """Say how far it is."""
        self._told.content = f"**{label}** {done} of {total}"
        self._reporter.advance(label, done, total)

    def finish(self, stage: str, seconds: float, cached: bool) -> None:
        """Say that it is done."""
        self._reporter.finish(stage, seconds, cached)

    def show(self, body: Body, state: BodyState) -> None:
        """Show the body in the T poses that a stage has found; the slider chooses the frame."""
        with torch.no_grad():
            posed = pose_body(body, state).vertices.cpu().numpy() * CAMERA_TO_VIEWER
        skin = body.skin.cpu().numpy()
        faces = body.faces.cpu().numpy()
        self._vertices = np.asarray(posed - posed[:, skin].mean((0, 1)), np.float32)
        self._faces = faces[skin[faces].all(1)]
        if self._slider is None:
            self._slider = self._server.gui.add_slider("frame", 0, max(1, len(posed) - 1), 1, 0)
            self._slider.on_update(lambda _: self._draw())
        self._draw()

    def close(self) -> None:
        """Stop serving."""
        atexit.unregister(self.close)
        with contextlib.redirect_stdout(io.StringIO()):
            self._server.stop()

    def _draw(self) -> None:
        with self._drawing:  # the slider moves in a thread of its own
            frame = min(int(self._slider.value), len(self._vertices) - 1)
            self._server.scene.add_mesh_simple("/person", self._vertices[frame], self._faces, color=COLOUR)


def _server() -> Any:
    try:
        import viser
    except ImportError as error:
        raise MissingDependencyError(f"--view needs viser ({error}): pip install viser") from None
    with contextlib.redirect_stdout(io.StringIO()):  # standard output may be read by a program
        server = viser.ViserServer(host="127.0.0.1", label="fit-avatar", verbose=False)
    server.scene.set_up_direction("+y")

    def look(client: Any) -> None:
        client.camera.position, client.camera.look_at = (0.0, 0.2, 2.6), (0.0, 0.0, 0.0)

    server.on_client_connect(look)
    return server
