"""Model files with the exact layout of SMPL's, SMPL-H's and SMPL-X's, filled with numbers of our own."""

import pickle
import sys
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import numpy as np
from scipy import sparse

from fit_avatar.body.joints import SMPLH_PARENTS, SMPLX_PARENTS
from fit_avatar.body.model import SMPL_PARENTS

VERTICES = {"smpl": 6890, "smplh": 6890, "smplx": 10475}
FACES = {"smpl": 13776, "smplh": 13776, "smplx": 20908}
PARENTS = {"smpl": SMPL_PARENTS, "smplh": SMPLH_PARENTS, "smplx": SMPLX_PARENTS}
SHAPES = {"smpl": 10, "smplh": 16, "smplx": 400}


def model_arrays(kind: str, seed: int = 0) -> dict[str, np.ndarray]:
    """Return a model under the official keys: a person-sized cloud of vertices in which every array is valid."""
    random = np.random.default_rng(seed)
    vertices, parents = VERTICES[kind], PARENTS[kind]
    joints = len(parents)
    regressor = np.zeros((joints, vertices))
    for row in regressor:
        row[random.choice(vertices, 8, replace=False)] = random.dirichlet(np.ones(8))
    weights = np.zeros((vertices, joints))
    influences = np.argsort(random.random((vertices, joints)), axis=1)[:, :6]  # more than a GLB's four
    np.put_along_axis(weights, influences, random.dirichlet(np.full(6, 0.3), vertices), axis=1)
    table = np.array([parents, range(joints)]).astype(np.uint32)  # the root's parent is 2³² − 1, as in the files
    arrays = {
        "v_template": random.uniform([-0.8, -1.15, -0.15], [0.8, 0.55, 0.2], (vertices, 3)),
        "f": random.integers(vertices, size=(FACES[kind], 3)).astype(np.uint32),
        "shapedirs": random.normal(0, 0.01, (vertices, 3, SHAPES[kind])).astype(np.float32),
        "posedirs": random.normal(0, 0.002, (vertices, 3, 9 * (joints - 1))).astype(np.float32),
        "J_regressor": regressor,
        "weights": weights,
        "kintree_table": table,
    }
    if kind != "smpl":
        for side in "lr":
            arrays[f"hands_components{side}"] = np.linalg.qr(random.normal(size=(45, 45)))[0]
            arrays[f"hands_mean{side}"] = random.normal(0, 0.2, 45)
    if kind == "smplx":
        arrays["lmk_faces_idx"] = random.integers(FACES[kind], size=51)
        arrays["lmk_bary_coords"] = random.dirichlet(np.ones(3), 51)
        arrays["vt"] = random.random((11313, 2))
        arrays["ft"] = random.integers(11313, size=(FACES[kind], 3)).astype(np.uint32)
    return arrays


def write_npz(path: Path, arrays: dict[str, np.ndarray]) -> Path:
    """Write as SMPL-X is given out: with some objects among the arrays."""
    np.savez(path, **arrays, joint2num=np.array({"Pelvis": 0}, dtype=object))
    return path


def write_pkl(path: Path, arrays: dict[str, np.ndarray]) -> Path:
    """Write as SMPL is given out: protocol 2, a sparse regressor, chumpy arrays, training notes."""
    with fake_chumpy() as make:
        content = {key: make(value) if key in ("v_template", "shapedirs") else value for key, value in arrays.items()}
        if "J_regressor" in content:
            content["J_regressor"] = sparse.csc_matrix(content["J_regressor"])
        content |= {"bs_type": "lrotmin", "bs_style": "lbs", "pose_training_info": {"gender": "neutral"}}
        path.write_bytes(pickle.dumps(content, protocol=2))
    return path


@contextmanager
def fake_chumpy():
    """While a file is written, give a function that wraps an array as a ``chumpy.ch.Ch``."""
    package, module = ModuleType("chumpy"), ModuleType("chumpy.ch")
    module.Ch = type("Ch", (), {"__module__": "chumpy.ch"})
    package.ch = module

    def make(array):
        wrapped = module.Ch()
        wrapped.__dict__.update(x=array, _dirty_vars={"x"}, _itr=None)
        return wrapped

    before = {name: sys.modules.get(name) for name in ("chumpy", "chumpy.ch")}
    sys.modules.update({"chumpy": package, "chumpy.ch": module})
    try:
        yield make
    finally:
        for name, old in before.items():
            del sys.modules[name]
            if old is not None:
                sys.modules[name] = old
