"""A device that is none: what runs on it is computed by the CPU, but may not be mixed with the CPU's own tensors.

Tensors that are moved to the device ``meta`` within :class:`PretendDevice` keep their numbers, so that a whole solve
can be run and compared, and every copy to the host is counted with the line of the package that asked for it. What
works here works on a graphics card, too, and what waits for the card there is counted here.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import fields, replace
from pathlib import Path
from types import FrameType
from typing import Any
from unittest import mock

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

import fit_avatar
from fit_avatar.body.state import BodyState
from fit_avatar.solvers.unknowns import Unknowns

DEVICE = torch.device("meta")
PACKAGE = f"{Path(fit_avatar.__file__).parent}/"
aten = torch.ops.aten
COPIES = (aten._to_copy, aten.copy_, aten.copy)
INDEXED = (aten.index, aten.index_put, aten.index_put_, aten._index_put_impl_)
"""Operations whose index may come from the host: a list of places is copied to the device at every call."""
WAITING = (
    aten._local_scalar_dense, aten.is_nonzero, aten.equal, aten.nonzero, aten.masked_select, aten._unique,
    aten._unique2, aten.unique_dim, aten.unique_consecutive, aten.bincount, aten.repeat_interleave,
)  # fmt: skip
"""Operations for which the host waits until the device has come to them, since size or value is needed here."""


class _There(Tensor):
    """A tensor that says it is on the device; its numbers are in ``numbers``."""

    numbers: Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, real: Tensor) -> _There:
        compressed = real.layout not in (torch.strided, torch.sparse_coo)
        found = Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls, real.shape, strides=None if compressed else real.stride(),
            storage_offset=real.storage_offset() if real.layout == torch.strided else None, dtype=real.dtype,
            layout=real.layout, device=DEVICE,
        )  # fmt: skip
        found.numbers = real
        return found

    def __repr__(self, *, tensor_contents: object = None) -> str:
        return f"There({self.numbers!r})"

    def tolist(self) -> Any:
        return self.cpu().tolist()

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise RuntimeError(f"{func}: a tensor of the pretended device is used outside of PretendDevice")


class PretendDevice(TorchDispatchMode):
    """Within it ``meta`` is a device that computes.

    Raises:
        RuntimeError: an operation mixes tensors of both devices; numbers without dimensions may be mixed, as on a card.
    """

    def __init__(self) -> None:
        super().__init__()
        self.reads: Counter[str] = Counter()
        """How often each line of the package waited for the device, such as ``solve.py:87 _local_scalar_dense``."""
        self.uploads: Counter[str] = Counter()
        """How often each line of the package copied to the device."""
        self._around = ExitStack()

    def __enter__(self) -> PretendDevice:
        self._around.enter_context(_MakesNumbers())
        self._around.enter_context(mock.patch.object(ThreadPoolExecutor, "submit", _at_once))
        super().__enter__()
        return self

    def __exit__(self, *exception: Any) -> None:
        super().__exit__(*exception)
        self._around.close()

    def reset(self) -> None:
        """Forget what was counted."""
        self.reads.clear()
        self.uploads.clear()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs, kind = dict(kwargs or {}), func.overloadpacket
        tensors: list[Tensor] = []
        _each((args, kwargs), lambda tensor: (tensors.append(tensor), tensor)[1])
        there = [tensor for tensor in tensors if isinstance(tensor, _There)]
        here = [tensor for tensor in tensors if not isinstance(tensor, _There)]
        if there and kind not in (*COPIES, *INDEXED) and any(tensor.dim() for tensor in here):
            shapes = [list(tensor.shape) for tensor in here]
            raise RuntimeError(f"{func} mixes devices: the CPU's tensors have the shapes {shapes}")
        stays = bool(there)
        if kwargs.get("device") is not None:
            stays = torch.device(kwargs["device"]) == DEVICE
            kwargs["device"] = torch.device("cpu")
        if kind is aten.copy_:
            stays = isinstance(args[0], _There)
        if there and (not stays or kind in WAITING or _masked(kind, args)):
            self.reads[_who(kind)] += 1
        if stays and here and kind in (*COPIES, *INDEXED) and (not there or kind is not aten.copy_):
            self.uploads[_who(kind)] += 1
        real_args, real_kwargs = _each((args, kwargs), lambda v: v.numbers if isinstance(v, _There) else v)
        found = func(*real_args, **real_kwargs)
        if kind in COPIES and not stays and found is not None and any(found is one.numbers for one in there):
            found = found.clone()
        if not stays:
            return found
        known = {id(one.numbers): one for one in there}  # an operation in place returns what it was given
        return _each(found, lambda tensor: known[id(tensor)] if id(tensor) in known else _There(tensor))


def _at_once(pool: ThreadPoolExecutor, work: Callable[..., Any], *args: Any, **kwargs: Any) -> Future[Any]:
    """Do here what is meant for another thread, in which nothing would be pretended."""
    done: Future[Any] = Future()
    done.set_result(work(*args, **kwargs))
    return done


class _MakesNumbers(TorchFunctionMode):
    """Gives numbers to tensors that are made from Python's on the device: the real ``meta`` does not keep them."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func in (torch.tensor, torch.as_tensor) and kwargs.get("device") is not None:
            device = kwargs.pop("device")
            return func(*args, **kwargs).to(device)
        if func is Tensor.new_tensor:
            like, data, dtype, device = args[0], args[1], kwargs.get("dtype"), kwargs.get("device")
            return torch.tensor(data, dtype=dtype or like.dtype).to(device or like.device)
        if func in (Tensor.__getitem__, Tensor.__setitem__):
            args = (args[0], _places(args[1]), *args[2:])
        return func(*args, **kwargs)


def _places(index: Any) -> Any:
    """Return an index with its lists of places as the host's tensors: on a card, too, they are copied from there."""
    if isinstance(index, tuple):
        return tuple(_host(one) if isinstance(one, (list, tuple, range)) else one for one in index)
    return _host(index) if isinstance(index, (list, range)) else index


def _host(index: Any) -> Tensor:
    return torch.tensor(index, dtype=None if len(index) else torch.long)


def on_device(unknowns: Unknowns) -> Unknowns:
    """Return unknowns with the numbers that they have, on the device."""
    named = {name: replace(unknown, value=unknown.value.to(DEVICE)) for name, unknown in unknowns.named.items()}
    return replace(unknowns, body=unknowns.body.to(DEVICE), named=named)


def moved(state: BodyState) -> BodyState:
    """Return shape and poses with the numbers that they have, on the device."""
    tensors = {field.name: getattr(state, field.name) for field in fields(state)}
    return replace(state, **{name: one.to(DEVICE) for name, one in tensors.items() if isinstance(one, Tensor)})


def _each(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """Return a tensor changed, or every tensor in a list, tuple or mapping."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, list):
        return [_each(one, change) for one in value]
    if isinstance(value, tuple):
        return tuple(_each(one, change) for one in value)
    return {name: _each(one, change) for name, one in value.items()} if isinstance(value, dict) else value


def _masked(kind: Any, args: tuple[Any, ...]) -> bool:
    """Return whether an operation takes places from a mask, whose number the host must know."""
    return kind in INDEXED and any(
        isinstance(one, Tensor) and one.dtype in (torch.bool, torch.uint8) for one in args[1]
    )


def _who(kind: Any) -> str:
    """Return the line of the package that asked, and for what."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and not frame.f_code.co_filename.startswith(PACKAGE):
        frame = frame.f_back
    where = "" if frame is None else f"{frame.f_code.co_filename.removeprefix(PACKAGE)}:{frame.f_lineno} "
    return where + str(kind.__name__)
