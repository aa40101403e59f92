"""Frames of two fields, filmed one after the other, made whole ones."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from av.filter import Graph
    from av.video.frame import VideoFrame

FILTERS = ("bwdif", "yadif")
"""The first one that the installed FFmpeg has is used."""
OPTIONS = "mode=send_frame:parity=auto:deint=interlaced"
"""One frame for each frame, and those that are not flagged as interlaced stay as they are."""

Timed = tuple["VideoFrame", float]
"""A frame, and its time in seconds."""


def deinterlaced(frames: Iterable[Timed]) -> Iterator[Timed]:
    """Yield as many frames as there are, with the same times; none is touched until the first interlaced one."""
    graph: Graph | None = None
    layout: tuple[object, ...] = ()
    times: deque[float] = deque()
    for frame, time in frames:
        if graph is None and not (frame.interlaced_frame and _available()):
            yield frame, time
            continue
        if graph is None or layout != _layout(frame):
            if graph is not None:
                graph.push(None)
                yield from _pulled(graph, times)
            graph, layout = _graph(frame), _layout(frame)
        times.append(time)
        frame.pts = None
        graph.push(frame)
        yield from _pulled(graph, times)
    if graph is not None:
        graph.push(None)
        yield from _pulled(graph, times)


def _pulled(graph: Graph, times: deque[float]) -> Iterator[Timed]:
    import av

    while times:
        try:
            frame: Any = graph.pull()
        except (av.BlockingIOError, av.EOFError):
            return
        yield frame, times.popleft()


def _available() -> str | None:
    from av.filter import filters_available

    return next((name for name in FILTERS if name in filters_available), None)


def _layout(frame: VideoFrame) -> tuple[object, ...]:
    return frame.width, frame.height, frame.format.name


def _graph(frame: VideoFrame) -> Graph:
    from av.filter import Graph

    graph = Graph()
    size = f"width={frame.width}:height={frame.height}:pix_fmt={frame.format.name}"
    source = graph.add("buffer", f"{size}:time_base=1/1000:pixel_aspect=1/1")
    graph.link_nodes(source, graph.add(str(_available()), OPTIONS), graph.add("buffersink"))
    graph.configure()
    return graph
