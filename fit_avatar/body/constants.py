"""Numbers that never change, as tensors that are copied to a device once rather than in every step of a solve."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

KEPT = 512
"""Constants that are kept; a fit has some 40, and a camera that is estimated adds two. Chosen by hand."""


def numbers(values: Sequence[Any], like: Tensor) -> Tensor:
    """Return numbers, or tuples of them, as a tensor of another's type and device.

    It is the same one at every call: it must not be written to.
    """
    return _constant(tuple(values), like.dtype, like.device)


def places(index: Sequence[int], like: Tensor) -> Tensor:
    """Return places to take from a tensor, on its device, so that indexing copies nothing there. int64 [N]

    It is the same one at every call: it must not be written to.
    """
    return _constant(tuple(index), torch.long, like.device)


@lru_cache(maxsize=KEPT)
def _constant(values: tuple[Any, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    return torch.tensor(values, dtype=dtype, device=device)
