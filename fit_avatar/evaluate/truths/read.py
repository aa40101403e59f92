"""Reading a truth of any layout, which is recognised by what the file holds."""

from __future__ import annotations

import zipfile
from pathlib import Path

from fit_avatar.errors import BadInputError
from fit_avatar.evaluate.truths import human36m, humaneva, mpi_inf_3dhp, parametric, plain, threedpw
from fit_avatar.evaluate.truths.parts import is_hdf5, open_hdf5, read_mat
from fit_avatar.evaluate.truths.truth import NO_CHOICE, Choice, Truth
from fit_avatar.io.arrays import ArraysError, read_npz
from fit_avatar.io.files import require_file
from fit_avatar.io.safe_pickle import load_pickle

KNOWN = (
    "give 3DPW's sequence .pkl, Human3.6M's .cdf, HumanEva-I's converted .mat, MPI-INF-3DHP's annot.mat or "
    "annot_data.mat, UP-3D's body.pkl, AMASS's .npz or People-Snapshot's reconstructed_poses.hdf5"
)


def read_truth(path: Path, choice: Choice = NO_CHOICE) -> Truth:
    """Read the true motion of one person.

    Args:
        path: a file of 3DPW, Human3.6M, HumanEva-I (converted), MPI-INF-3DHP, UP-3D, AMASS or People-Snapshot as
            their owners ship it, or an .npz with joints.
        choice: person, camera and model file, where they matter.

    Raises:
        BadInputError: the file is damaged, of an unknown layout, or needs a choice.
        MissingDependencyError: h5py or cdflib is needed and not installed.
    """
    require_file(path, "truth", KNOWN)
    if path.suffix == ".cdf":
        return human36m.read_cdf(path)
    if path.suffix == ".c3d":
        raise BadInputError(
            f"{path} holds markers, not joints: export HumanEva-I's joints with its toolkit (see docs/evaluation.md)"
        )
    if zipfile.is_zipfile(path):
        return _npz(path, choice)
    if is_hdf5(path):
        return _hdf5(path, choice)
    if path.suffix == ".mat":
        return _mat(path, choice)
    if path.suffix == ".npz":
        raise BadInputError(f"the truth {path} is damaged or not an .npz file: get it again")
    data = load_pickle(path)
    if threedpw.recognised(data):
        return threedpw.read(data, path, choice)
    if parametric.recognised_up_3d(data):
        return parametric.read_up_3d(data, path, choice)
    raise BadInputError(f"the truth {path} is of no layout that is known: {KNOWN}")


def _npz(path: Path, choice: Choice) -> Truth:
    try:
        arrays = read_npz(path)
    except ArraysError as error:
        raise BadInputError(f"the truth {path} cannot be read ({error}): get it again") from None
    if "poses" in arrays:
        return parametric.read_amass(arrays, path, choice)
    if plain.recognised(arrays):
        return plain.read(arrays, path)
    held = ", ".join(sorted(arrays)[:6]) or "no plain arrays"
    raise BadInputError(f"the truth {path} holds {held}, which is of no layout that is known: {KNOWN}")


def _hdf5(path: Path, choice: Choice) -> Truth:
    with open_hdf5(path) as file:
        names = set(file)
    if set(parametric.SNAPSHOT) <= names:
        return parametric.read_people_snapshot(path, choice)
    if "3D_positions" in names:
        return human36m.read_h5(path)
    return mpi_inf_3dhp.read_test(path, choice)


def _mat(path: Path, choice: Choice) -> Truth:
    variables = read_mat(path)
    truth = (
        mpi_inf_3dhp.read_training(variables, path, choice)
        or humaneva.read(variables, path)
        or human36m.read_mat(variables, path)
    )
    if truth is None:
        held = ", ".join(sorted(name for name in variables if not name.startswith("__"))[:6]) or "nothing"
        raise BadInputError(f"the truth {path} holds {held}, which is of no layout that is known: {KNOWN}")
    return truth
