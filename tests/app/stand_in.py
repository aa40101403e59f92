"""In place of ``fit-avatar``, in a few seconds: it tells of stages and writes a page as a run does."""

import json
import sys
import time
from itertools import pairwise
from pathlib import Path

import trimesh

from fit_avatar.report.viewer import avatar_page

PAGE = (
    "<!DOCTYPE html><title>An avatar</title><canvas></canvas><p id='said'></p>"
    "<script>document.getElementById('said').textContent = 'it turns: ' + (6 * 7)</script>"
)


def main() -> int:
    """Write what the options say."""
    words = [part for word in sys.argv[1:] for part in (word.split("=", 1) if word.startswith("--") else [word])]
    given = dict(pairwise(words))
    folder, video = Path(given["--out"]), Path(given["--video"])
    if "--preview" in words:
        folder.mkdir(parents=True)
        glb = trimesh.creation.box().export(file_type="glb")
        (folder / "preview.html").write_text(avatar_page("A preview", glb), encoding="utf-8")
    print(json.dumps({"event": "start", "stage": "observe"}), flush=True)
    for done in range(5):
        print(json.dumps({"event": "progress", "step": "find <the> person", "done": done, "total": 5}), flush=True)
        time.sleep(0.5)
    if given.get("--height-m") == "1.9":  # until it is ended
        time.sleep(120)
    print(json.dumps({"event": "finish", "stage": "observe", "seconds": 2.5}), flush=True)
    if given.get("--height-m") == "2.0":
        print(json.dumps({"event": "error", "kind": "NoPersonError", "message": f"{video} shows nobody"}))
        return 2
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "preview.html").unlink(missing_ok=True)
    (folder / "report.html").write_text(PAGE)
    (folder / "avatar.glb").write_bytes(video.read_bytes()[-64:] + given.get("--height-m", "").encode())
    (folder / "written_files.json").write_text("{}")
    metrics = {
        "height_m": 1.75, "frames_used": 8, "silhouette_iou": {"mean": 0.97}, "keypoint_error_px": {"mean": 4.0},
    }  # fmt: skip
    (folder / "metrics.json").write_text(json.dumps(metrics))
    (folder / "options.txt").write_text(" ".join(sys.argv[1:]))
    print(json.dumps({"event": "summary", "warnings": ["The <b>feet</b> slide."], "peak_memory_gb": 0.5}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
