"""Length and size of a video, as its packets and its first picture tell them: ``python -m fit_avatar.app.probe FILE``.

It runs in a process of its own, whose memory is limited where the system can do so.
"""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path

FORMATS = {".mp4": "mov", ".mkv": "matroska", ".avi": "avi"}
"""Demuxers by the names that :mod:`fit_avatar.app.uploads` gives; no other one is tried."""
MEMORY_BYTES = 8 << 30
MOST_PACKETS = 1_000_000
HIGHEST_RATE = 1000.0
"""Frames a second; what has more is as long as if it had so many."""


def probe(path: Path) -> dict[str, float]:
    """Return seconds, frames, width and height of a video; whatever is wrong with it is raised."""
    import av

    with av.open(str(path), format=FORMATS[path.suffix], options={"enable_drefs": "0"}) as video:
        stream = video.streams.video[0]
        first = next(video.decode(stream))
        width, height = first.width, first.height
        video.seek(0)
        times, frames = list[float](), 0
        for packet in video.demux(stream):
            if packet.size:
                frames += 1
                if packet.pts is not None and packet.time_base is not None:
                    times.append(float(packet.pts * packet.time_base))
            if frames > MOST_PACKETS:
                break
    seconds = max(times) - min(times) if times else 0.0
    return {"seconds": max(seconds, frames / HIGHEST_RATE), "frames": frames, "width": width, "height": height}


def main() -> int:
    """Print what is found as JSON."""
    with contextlib.suppress(ImportError, ValueError, OSError):  # Windows; a lower limit that is set already
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    print(json.dumps(probe(Path(sys.argv[1]))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
