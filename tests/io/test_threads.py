from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from fit_avatar.io.threads import MOST, in_threads, one_core


def test_results_keep_their_order() -> None:
    def work(item: int) -> int:
        time.sleep(0.002 * (item % 3))
        return item * item

    assert list(in_threads(work, range(20))) == [item * item for item in range(20)]
    assert list(in_threads(work, [])) == []


def test_only_a_few_items_are_taken_ahead() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for item in range(100):
            taken.append(item)
            yield item

    results = in_threads(str, items())
    assert next(results) == "0"
    assert len(taken) <= MOST + 2


def test_an_error_comes_out() -> None:
    def work(item: int) -> float:
        return 1 / (item - 2)

    with pytest.raises(ZeroDivisionError):
        list(in_threads(work, range(5)))


def test_pytorch_uses_one_core_in_each_thread_and_as_many_as_before_elsewhere() -> None:
    cores = torch.get_num_threads()
    assert set(in_threads(lambda _: torch.get_num_threads(), range(20))) == {1}
    assert torch.get_num_threads() == cores
    with one_core():
        assert torch.get_num_threads() == 1
        with ThreadPoolExecutor(1) as other:
            assert other.submit(torch.get_num_threads).result() == cores
    assert torch.get_num_threads() == cores


def test_a_batch_of_systems_is_solved_right_afterwards() -> None:
    """After ``torch.set_num_threads`` it would not be."""
    matrix = torch.randn(2, 154, 154, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    list(in_threads(torch.linalg.inv, [matrix, matrix]))
    with one_core():
        torch.linalg.inv(matrix)
    for _ in range(5):
        assert (torch.linalg.solve(matrix, matrix) - torch.eye(154)).abs().max() < 1e-6
