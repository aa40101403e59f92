"""Does three-vrm load the avatar as VRM 1.0, and do its expressions move the face?"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
SIZE_PX = 600
LEAST_MM = {"blink": 5, "blinkLeft": 5, "blinkRight": 5, "happy": 5, "aa": 15, "oh": 10, "surprised": 5, "lookUp": 1}
"""How far these move some vertex, at least."""


def look_at_vrm(vrm: Path, chromium: str, out: Path) -> bool:
    """Load a file, and draw the face with each of its preset expressions; return whether all is well."""
    job = {"glb": str(vrm.resolve()), "out": str(out), "chromium": chromium, "page": "vrm.html"}
    job |= {"width": SIZE_PX, "height": SIZE_PX}
    out.mkdir(parents=True, exist_ok=True)
    (out / "job.json").write_text(json.dumps(job))
    subprocess.run(["node", HERE / "play.mjs", out / "job.json"], check=True)
    seen = json.loads((out / "seen.json").read_text())
    print(
        f"{vrm.name}: {len(seen['bones'])} humanoid bones, {len(seen['moved'])} preset expressions, "
        f"{seen['custom']} others, eyes that look {seen['look']}, complaints {seen['trouble']}"
    )
    moved = {name: 1000 * np.array(mm) for name, mm in seen["moved"].items()}
    for name, mm in moved.items():
        print(f"  {name}: at most {mm.max():.1f} mm")
    enough = all(moved[name].max() > least for name, least in LEAST_MM.items()) if moved else True
    return not seen["trouble"] and seen["version"] == "1" and enough
