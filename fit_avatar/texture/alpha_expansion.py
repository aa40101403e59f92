"""Labelling of a graph with data and smoothness costs, by α-expansion."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.csgraph import breadth_first_order, maximum_flow

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

SCALE = 1000
"""Integer units per unit of cost: SciPy's maximum flow takes integers."""


def alpha_expansion(
    cost: FloatArray,
    edges: IntArray,
    appearance: FloatArray,
    change: float,
    sweeps: int = 2,
    possible: BoolArray | None = None,
) -> IntArray:
    """Give each vertex one of K labels by α-expansion (Boykov, Veksler and Zabih 2001, section 5).

    It minimises the sum of the vertices' and the edges' costs: an edge whose ends have different labels costs
    ``change`` plus the distance of the two labels' appearances at both ends (a metric, as the method requires). So
    seams run where both labels show the same.

    Args:
        cost: of each label at each vertex. [V, K]
        edges: pairs of vertices. [E, 2]
        appearance: what each label shows at each vertex, in units of the cost. [V, K, C]
        change: cost of any change of labels.
        sweeps: over all labels, at most.
        possible: the labels that each vertex may change to, all by default; fewer make it quicker. [V, K]

    Returns:
        [V]
    """
    labels: IntArray = cost.argmin(axis=1)
    if cost.shape[1] == 1 or not len(edges):
        return labels
    best = _energy(labels, cost, edges, appearance, change)
    for _ in range(sweeps):
        before = best
        for alpha in range(cost.shape[1]):
            free = None if possible is None else possible[:, alpha]
            expanded = _expand(labels, alpha, cost, edges, appearance, change, free)
            energy = _energy(expanded, cost, edges, appearance, change)
            if energy < best:
                labels, best = expanded, energy
        if best > before * (1 - 1e-3):
            break
    return labels


def _seam(a: IntArray, b: IntArray, edges: IntArray, appearance: FloatArray, change: float) -> FloatArray:
    """Return the cost of each edge if its ends have labels a and b. [E]"""
    count = appearance.shape[1]
    shown = appearance.reshape(-1, appearance.shape[2])
    distance = np.zeros(len(edges), np.float32)
    for end in edges.T:
        difference = shown.take(end * count + a, axis=0) - shown.take(end * count + b, axis=0)
        distance += np.sqrt(np.einsum("ec,ec->e", difference, difference))
    return np.asarray(np.where(a == b, 0, change + distance))


def _energy(labels: IntArray, cost: FloatArray, edges: IntArray, appearance: FloatArray, change: float) -> float:
    ends = labels[edges]
    seams = _seam(ends[:, 0], ends[:, 1], edges, appearance, change)
    return float(cost[np.arange(len(cost)), labels].sum() + seams.sum())


def _expand(
    labels: IntArray,
    alpha: int,
    cost: FloatArray,
    edges: IntArray,
    appearance: FloatArray,
    change: float,
    free: BoolArray | None,
) -> IntArray:
    """Change the best set of vertices to ``alpha``, of those that are free to: it is a minimum cut."""
    free = np.ones(len(cost), bool) if free is None else free
    edges = edges[free[edges].any(axis=1)]
    vertices = np.arange(len(cost))
    first, second = labels[edges].T
    new = np.full(len(edges), alpha)
    both_stay = _seam(first, second, edges, appearance, change)
    first_stays = _seam(first, new, edges, appearance, change)
    second_stays = _seam(new, second, edges, appearance, change)
    # the cut's price of an edge, split into what its ends pay alone and what they pay for being parted
    # (Kolmogorov and Zabih 2004, section 4.1); stay = source side, change = sink side
    change_cost = cost[:, alpha].astype(np.float64)
    stay_cost = cost[vertices, labels].astype(np.float64)
    stay_cost += np.bincount(edges[:, 0], both_stay - second_stays, len(cost))
    stay_cost += np.bincount(edges[:, 1], second_stays, len(cost))
    parted = np.maximum(first_stays + second_stays - both_stay, 0)
    one_free = ~free[edges[:, 0]]  # whose other end stays in any case
    change_cost += np.bincount(edges[one_free, 1], parted[one_free], len(cost))
    both = free[edges].all(axis=1)
    changed = labels.copy()
    stays = _cut((stay_cost - change_cost)[free], (np.cumsum(free) - 1)[edges[both]], parted[both])
    changed[free] = np.where(stays, labels[free], alpha)
    return changed


def _cut(gain: FloatArray, edges: IntArray, parted: FloatArray) -> BoolArray:
    """Return which vertices stay in a minimum cut. [V]

    Args:
        gain: what each vertex saves by changing. [V]
        edges: [E, 2]
        parted: what an edge costs whose first end stays and whose second one changes. [E]
    """
    source, sink = len(gain), len(gain) + 1
    towards_source, towards_sink = np.flatnonzero(gain < 0), np.flatnonzero(gain > 0)
    if not len(towards_source) or not len(towards_sink):
        return np.asarray(gain <= 0)
    rows = np.r_[np.full(len(towards_source), source), towards_sink, edges[:, 0]]
    columns = np.r_[towards_source, np.full(len(towards_sink), sink), edges[:, 1]]
    capacity = np.r_[-gain[towards_source], gain[towards_sink], parted]
    graph = coo_matrix((np.rint(SCALE * capacity).astype(np.int32), (rows, columns)), (len(gain) + 2,) * 2).tocsr()
    graph.eliminate_zeros()
    rest = csr_matrix(graph - maximum_flow(graph, source, sink).flow)
    rest.data = np.maximum(rest.data, 0)
    rest.eliminate_zeros()
    stays = np.zeros(len(gain) + 2, bool)
    stays[breadth_first_order(rest, source, return_predecessors=False)] = True
    return stays[: len(gain)]
