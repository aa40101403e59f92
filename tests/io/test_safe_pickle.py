"""Old pickles are read as data; everything else in them is refused and not executed."""

import builtins
import contextlib
import copyreg
import os
import pickle
import pickletools
import sys
import time
from collections import OrderedDict
from types import ModuleType

import numpy as np
import pytest
from scipy import sparse

from fit_avatar.errors import BadInputError
from fit_avatar.io.safe_pickle import ALLOWED, load_pickle

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


class Call:
    """Pickles as a call of ``function`` with ``args``."""

    def __init__(self, function, *args):
        self.call = (function, args)

    def __reduce__(self):
        return self.call


@pytest.fixture
def read(tmp_path):
    def read(content):
        path = tmp_path / "model.pkl"
        path.write_bytes(content)
        return load_pickle(path)

    return read


@pytest.fixture
def chumpy(monkeypatch):
    """Return a module that looks like chumpy while a file is written."""
    modules = {name: ModuleType(name) for name in ("chumpy", "chumpy.ch", "chumpy.reordering")}
    for module, name in (("chumpy.ch", "Ch"), ("chumpy.reordering", "Select"), ("chumpy.ch", "Surprise")):
        setattr(modules[module], name, type(name, (), {"__module__": module}))
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    return modules


def made(kind, **state):
    instance = kind()
    instance.__dict__.update(state)
    return instance


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_data_comes_back(read, protocol):
    data = {
        "float": np.linspace(0, 1, 12).reshape(3, 4),
        "fortran": np.asfortranarray(np.arange(6, dtype=np.uint32).reshape(2, 3)),
        "big endian": np.arange(3, dtype=">i2"),
        "text": np.array(["left", "right"]),
        "bool": np.array([[True, False]]),
        "zero-dimensional": np.array(3.5),
        "empty": np.zeros((0, 3)),
        "objects": np.array([None, [np.ones(2)]], dtype=object),
        "scalar": np.float32(0.5),
        np.int64(7): "a NumPy key",
        "bytes": b"\x00\xff",
        "no bytes": b"",
        "set": {1, 2},
        "ordered": OrderedDict(b=1, a=2),
        "complex": 1 + 2j,
        "nested": [({"deep": np.arange(3)},)],
    }
    again = read(pickle.dumps(data, protocol))
    assert list(again) == list(data) and list(again["ordered"]) == ["b", "a"]
    for name in ("float", "fortran", "big endian", "text", "bool", "zero-dimensional", "empty"):
        np.testing.assert_array_equal(again[name], data[name])
        assert again[name].shape == data[name].shape
    assert again["objects"][0] is None and again["objects"][1][0].tolist() == [1, 1]
    assert again["scalar"] == 0.5 and again[7] == "a NumPy key"
    assert again["bytes"] == b"\x00\xff" and again["no bytes"] == b"" and again["set"] == {1, 2}
    assert again["complex"] == 1 + 2j and again["nested"][0][0]["deep"].tolist() == [0, 1, 2]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("kind", ["csc_matrix", "csr_matrix", "coo_matrix", "csc_array"])
def test_sparse_matrices_come_back(read, protocol, kind):
    dense = np.array([[0, 1.5, 0], [2, 0, 0]])
    again = read(pickle.dumps([getattr(sparse, kind)(dense)], protocol))[0]
    np.testing.assert_array_equal(again.toarray(), dense)


def test_old_names_of_sparse_matrices(read):
    content = pickle.dumps(sparse.csc_matrix(np.eye(3)), 2)
    assert b"scipy.sparse._csc" in content
    np.testing.assert_array_equal(read(content.replace(b"scipy.sparse._csc", b"scipy.sparse.csc")).toarray(), np.eye(3))


def test_a_file_of_python_2(read):
    # pickle.dumps({'a': np.arange(2.0), 's': set([1])}, 0) of Python 2.7
    content = (
        b"(dp0\nS'a'\np1\ncnumpy.core.multiarray\n_reconstruct\np2\n(cnumpy\nndarray\np3\n(I0\ntp4\nS'b'\np5\ntp6\n"
        b"Rp7\n(I1\n(I2\ntp8\ncnumpy\ndtype\np9\n(S'f8'\np10\nI0\nI1\ntp11\nRp12\n(I3\nS'<'\np13\nNNNI-1\nI-1\nI0\n"
        b"tp14\nbI00\nS'\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\xf0?'\np15\ntp16\nb"
        b"sS's'\np17\nc__builtin__\nset\np18\n((lp19\nI1\natp20\nRp21\ns."
    )
    again = read(content)
    assert again["a"].tolist() == [0, 1] and again["s"] == {1}


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_chumpy_becomes_numpy(read, chumpy, protocol):
    inner = made(chumpy["chumpy.ch"].Ch, x=np.arange(6.0).reshape(2, 3), _dirty_vars={"x"})
    select = made(chumpy["chumpy.reordering"].Select, a=inner, idxs=np.array([5, 0]), preferred_shape=(1, 2))
    again = read(pickle.dumps({"v_template": inner, "again": inner, "betas": select}, protocol))
    assert again["v_template"].tolist() == [[0, 1, 2], [3, 4, 5]] and again["betas"].tolist() == [[5, 0]]
    assert again["again"] is again["v_template"]


def test_the_rest_of_chumpy_is_refused(read, chumpy):
    with pytest.raises(BadInputError, match=r"model\.pkl wants to run chumpy\.ch\.Surprise, which is not data"):
        read(pickle.dumps(chumpy["chumpy.ch"].Surprise()))


def attacks(marker):
    """Return pickles that would create the file ``marker``, and the global that each is refused for."""
    shell, code = f"touch {marker}", f"open({str(marker)!r}, 'w')"
    objects = np.empty(1, dtype=object)
    objects[0] = Call(os.system, shell)
    instance = b"(S'" + shell.encode() + b"'\nios\nsystem\n."
    return {
        "reduce": (pickle.dumps(Call(os.system, shell)), f"{os.name}.system"),
        "global opcode": (pickle.dumps(Call(os.system, shell), 0), f"{os.name}.system"),
        "stack global": (pickle.dumps(Call(os.system, shell), 4), f"{os.name}.system"),
        "instance opcode": (instance, "os.system"),
        "eval": (pickle.dumps(Call(builtins.eval, code)), "builtins.eval"),
        "exec": (pickle.dumps(Call(builtins.exec, code), 2), "__builtin__.exec"),
        "nested": (pickle.dumps([1, {"a": (Call(os.system, shell),)}]), f"{os.name}.system"),
        "in an array": (pickle.dumps(objects), f"{os.name}.system"),
        "unpickle": (pickle.dumps(Call(pickle.loads, b"x")), "_pickle.loads"),
        "getattr": (pickle.dumps(Call(getattr, 1, "real")), "builtins.getattr"),
        "dotted": (b"\x80\x04\x8c\x05numpy\x8c\x10ctypeslib.ctypes\x93.", "numpy.ctypeslib.ctypes"),
        "dotted, allowed module": (b"\x80\x04\x8c\x08builtins\x8c\x0edict.__class__\x93.", "builtins.dict.__class__"),
        "numpy load": (pickle.dumps(Call(np.load, "x")), "numpy.load"),
    }


@pytest.mark.parametrize("name", attacks("marker"))
def test_an_attack_is_refused_and_does_nothing(read, tmp_path, name):
    marker = tmp_path / "marker"
    content, asked = attacks(marker)[name]
    with pytest.raises(BadInputError) as error:
        read(content)
    assert f"model.pkl wants to run {asked}, which is not data" in str(error.value)
    assert "\n" not in str(error.value) and not marker.exists()


def through_an_object_scalar(marker):
    """Return a file whose scalar is of dtype object: NumPy itself would unpickle its bytes without restriction."""
    inner = pickle.dumps(Call(os.system, f"touch {marker}"))
    return pickle.dumps(Call(np.core.multiarray.scalar, np.dtype("O"), inner))


ABUSES = {
    "an object scalar": through_an_object_scalar,
    "an odd codec": lambda marker: b"c_codecs\nencode\n(S'a'\nS'rot13'\ntR.",
    "reconstructing a builtin": lambda marker: pickle.dumps(Call(copyreg._reconstructor, dict, object, None), 2),
    "a persistent object": lambda marker: b"Pwhatever\n.",
    "an extension": lambda marker: b"\x80\x02\x82\x01.",
    "state for a class": lambda marker: b"cchumpy.ch\nCh\n}S'x'\nI1\nsb.",
    "state for a function": lambda marker: b"c_codecs\nencode\n(N}S'__defaults__'\n(I1\ntstb.",
    "state for a builtin": lambda marker: b"c__builtin__\ndict\n(N}S'x'\nI1\nstb.",
    "a structured dtype": lambda marker: pickle.dumps(np.zeros(2, dtype=[("a", "f4"), ("b", "O")])),
    "too few bytes": lambda marker: pickle.dumps(np.arange(9.0)).replace(b"K\t\x85", b"K\x63\x85"),
}


@pytest.mark.parametrize("name", ABUSES)
def test_what_is_allowed_cannot_be_abused(read, tmp_path, name):
    marker = tmp_path / "marker"
    with pytest.raises(BadInputError, match=r"model\.pkl is damaged or not a pickle"):
        read(ABUSES[name](marker))
    assert not marker.exists()


def test_indices_outside_a_sparse_matrix_are_refused(read):
    matrix = sparse.csc_matrix(np.eye(3))
    matrix.indices = np.array([0, 1, 900], dtype=np.int32)
    with pytest.raises(BadInputError, match="damaged"):
        read(pickle.dumps(matrix))


def test_shared_lists_are_visited_once(read):
    item = [np.ones(1)]
    for _ in range(60):  # 2⁶⁰ visits otherwise
        item = [item, item]
    again = read(pickle.dumps(item))
    assert again[0] is again[1]


@pytest.mark.parametrize("kept", [0, 1, 10, 60, -1])
def test_a_truncated_file_raises(read, kept):
    with pytest.raises(BadInputError, match=r"model\.pkl is (damaged or not a|an empty file, not a) pickle"):
        read(pickle.dumps({"v_template": np.ones((5, 3))})[:kept])


def test_a_missing_file_raises(tmp_path):
    with pytest.raises(BadInputError, match=r"there is no pickle .*none\.pkl: check the path"):
        load_pickle(tmp_path / "none.pkl")


def test_random_damage_raises(read):
    content = pickle.dumps({"a": np.arange(4.0), "b": [sparse.csc_matrix(np.eye(2))]}, 2)
    random = np.random.default_rng(0)
    for _ in range(300):
        damaged = bytearray(content)
        damaged[random.integers(len(content))] = random.integers(256)
        with contextlib.suppress(BadInputError):
            read(bytes(damaged))


def test_everything_that_is_allowed_is_inert():
    builtin = {dict, list, tuple, set, frozenset, object, complex}
    assert all(kind in builtin or kind.__module__ == "fit_avatar.io.safe_pickle" for kind in ALLOWED.values())


def test_the_attacks_are_real(tmp_path):
    """The plain module would run them."""
    marker = tmp_path / "marker"
    pickle.loads(attacks(marker)["reduce"][0])
    assert marker.exists()
    assert any(code.name == "STACK_GLOBAL" for code, *_ in pickletools.genops(attacks(marker)["stack global"][0]))


def test_reshaped_and_transposed_chumpy(read, chumpy):
    for name in ("Reshape", "Transpose"):
        setattr(chumpy["chumpy.reordering"], name, type(name, (), {"__module__": "chumpy.reordering"}))
    inner = made(chumpy["chumpy.ch"].Ch, x=np.arange(6.0))
    table = made(chumpy["chumpy.reordering"].Reshape, a=inner, newshape=(2, 3))
    again = read(pickle.dumps(made(chumpy["chumpy.reordering"].Transpose, a=table, axes=None), 2))
    assert again.tolist() == [[0, 3], [1, 4], [2, 5]]


@pytest.mark.parametrize(
    "content",
    [
        b"}(" + b"K\x01" + b"\x85" * 300_000 + b"K\x01u.",  # a tuple in a tuple in a tuple … as a key
        b"}K\x01" + b"".join(b"q%ch%c\x86" % (k, k) for k in range(60)) + b"K\x01s.",  # a key of 2⁶⁰ parts
        b"\x8f(" + b"K\x01" + b"".join(b"q%ch%c\x86" % (k, k) for k in range(60)) + b"\x90.",  # in a set
        b"(K\x01" + b"".join(b"q%ch%c\x86" % (k, k) for k in range(60)) + b"\x91.",  # in a frozen set
        b"cbuiltins\nset\n(](K\x01" + b"".join(b"q%ch%c\x86" % (k, k) for k in range(60)) + b"etR.",
        b"ccollections\nOrderedDict\n(](](K\x01" + b"\x85" * 300_000 + b"K\x02eetR.",
    ],
)
def test_keys_that_take_for_ever_are_refused_at_once(tmp_path, content):
    path = tmp_path / "bad.pkl"
    path.write_bytes(content)
    start = time.perf_counter()
    with pytest.raises(BadInputError, match="a tuple as a key"):
        load_pickle(path)
    assert time.perf_counter() - start < 5


def test_plain_keys_and_sets_are_read(tmp_path):
    data = {"a": {1, 2}, b"b": frozenset("x"), (1, "c"): None, 2.5: {"d": np.float64(1)}}
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        (tmp_path / "a.pkl").write_bytes(pickle.dumps(data, protocol))
        assert load_pickle(tmp_path / "a.pkl") == data


def test_a_length_that_the_file_does_not_have_takes_no_memory(tmp_path):
    (tmp_path / "a.pkl").write_bytes(b"\x80\x04\x8e" + (1 << 40).to_bytes(8, "little") + b"abc.")
    with pytest.raises(BadInputError, match="is damaged or not a pickle"):
        load_pickle(tmp_path / "a.pkl")
