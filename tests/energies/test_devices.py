"""No term mixes devices, and none waits for the device while it is evaluated."""

from dataclasses import replace

import pytest
import torch
from pretend_device import DEVICE, PretendDevice, on_device
from test_terms import CASES

HOST_BOUND = {"silhouette_overlap"}
"""Terms that draw the mesh at every evaluation, for which the host must know sizes; they say so in their docstring."""


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_term_stays_on_its_device(case):
    world = case.world((2,) if case.least_clips > 1 else (), 4)
    unknowns = world.away(case.away)
    here = case.objective(world, unknowns)
    with torch.no_grad():
        x = unknowns.posed_body()
        (expected,) = here.evaluate(x, here.prepared(x), trial=True)
    with PretendDevice() as device, torch.no_grad():
        unknowns = on_device(unknowns)
        there = case.objective(world, unknowns)
        for _ in range(2):  # constants are copied at the first evaluation
            x = unknowns.posed_body()
            fields = there.prepared(x)
            device.reset()
            (found,) = there.evaluate(x, fields, trial=True)
            there.terms[0].energy.derivative(x, fields[0])
        reads, uploads = dict(device.reads), dict(device.uploads)
        assert found.residual.device == found.robust.device == DEVICE
        torch.testing.assert_close(found.robust.cpu(), expected.robust, rtol=1e-6, atol=1e-9)
    if case.energy.__name__ not in HOST_BOUND:
        assert (reads, uploads) == ({}, {})


def test_what_mixes_devices_is_refused():
    with PretendDevice() as device:
        there, here = torch.arange(3.0).to(DEVICE), torch.ones(3)
        with pytest.raises(RuntimeError, match="mixes devices"):
            there + here
        with pytest.raises(RuntimeError, match="not supported"):
            there.numpy()
        assert (there * here.sum()).cpu().tolist() == [0.0, 3.0, 6.0]  # a number may be anywhere
        assert device.reads.total() == 1
        there[[0, 2]], there[there > 1], float(there.sum()), there.to("cpu", torch.float64)
        assert (device.reads.total(), device.uploads.total()) == (4, 2)


def test_the_copy_to_a_device_is_that_of_the_same_world():
    world = replace(CASES[0].world((), 4))
    with PretendDevice():
        x = on_device(world.truth).posed_body()
        torch.testing.assert_close(x.vertices.cpu(), world.posed_body.vertices)
