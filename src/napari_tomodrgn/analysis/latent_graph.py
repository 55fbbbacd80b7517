"""The graph of particles that are neighbours in latent space, and the shortest ways along it.

A straight line between two latents may cross a region where no particle lies, and a decoder draws there as well. A way
from neighbour to neighbour stays where particles are.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, dijkstra

from napari_tomodrgn.errors import InputError

NEIGHBOURS = 10
AVERAGE_DEGREE = 5.0
_NONE = -9999  # what scipy writes where there is no predecessor


@dataclass(frozen=True)
class NeighbourGraph:
    """An undirected graph of N particles.

    Attributes
    ----------
    size
        N.
    edges
        (M, 2) int64: two rows each, the smaller first.
    lengths
        (M,) float64: the distance of the two latents.
    """

    size: int
    edges: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.float64]

    @property
    def average_degree(self) -> float:
        """How many edges a particle has, on average."""
        return 2 * len(self.edges) / self.size

    @property
    def longest(self) -> float:
        """The length of the longest edge; 0 where there is none."""
        return float(self.lengths.max(initial=0.0))

    @cached_property
    def _matrix(self) -> csr_array:
        one, other = self.edges.T
        rows, columns = np.concatenate([one, other]), np.concatenate([other, one])
        # two particles with one latent stay joined: an entry that is stored counts as an edge though it is 0 long
        return csr_array((np.tile(self.lengths, 2), (rows, columns)), shape=(self.size, self.size))

    @cached_property
    def pieces(self) -> npt.NDArray[np.int32]:
        """(N,) the number of the piece that each particle is in; no edge leads from one to another."""
        return np.asarray(connected_components(self._matrix, directed=False)[1])

    def shortest(self, start: int, end: int) -> list[int] | None:
        """Return the rows on the shortest way from one particle to another, both ends among them.

        The shortest is the one with the least sum of distances; ``None`` where no edges lead there.
        """
        if start == end:
            return [start]
        if self.pieces[start] != self.pieces[end]:
            return None
        _, predecessors = dijkstra(self._matrix, directed=False, indices=[start], return_predecessors=True)
        way = [end]
        while way[-1] != start:
            before = int(predecessors[0, way[-1]])
            assert before != _NONE
            way.append(before)
        return way[::-1]


def degree_that_joins(whole: NeighbourGraph, start: int, end: int) -> float | None:
    """Return from which average degree on two particles are in one piece, ``None`` where no edge of the graph helps.

    ``whole`` is the graph with none of its edges dropped.
    """
    if whole.pieces[start] != whole.pieces[end]:
        return None
    order = np.argsort(whole.lengths, kind="stable")
    few, enough = 0, len(order)  # with as many edges they are apart, and together
    while enough - few > 1:
        middle = (few + enough) // 2
        kept = order[:middle]
        pieces = NeighbourGraph(whole.size, whole.edges[kept], whole.lengths[kept]).pieces
        few, enough = (few, middle) if pieces[start] == pieces[end] else (middle, enough)
    return 2 * enough / whole.size


def neighbour_graph(
    z: npt.NDArray[np.floating],  # (N, z)
    neighbours: int = NEIGHBOURS,
    average_degree: float | None = AVERAGE_DEGREE,
) -> NeighbourGraph:
    """Join every particle to its nearest ones, then drop the longest edges.

    An edge joins two particles of which one at least is among the ``neighbours`` nearest of the other (cut to what the
    set has). Of these the longest are dropped until a particle has ``average_degree`` edges on average: the cut is one
    length for the whole set, so particles in sparse regions lose theirs first.

    Raises
    ------
    InputError
        Where there are fewer than two particles.
    """
    from sklearn.neighbors import NearestNeighbors

    size = len(z)
    if size < 2:
        raise InputError(f"a graph of neighbours needs two particles or more, found {size}; use another --method")
    found = NearestNeighbors(n_neighbors=min(neighbours, size - 1)).fit(np.asarray(z, dtype=np.float64))
    _, nearest = found.kneighbors()  # without the particle itself, also among equal ones
    pairs = np.stack([np.repeat(np.arange(size), nearest.shape[1]), nearest.ravel()], axis=1)
    edges = np.unique(np.sort(pairs, axis=1), axis=0).astype(np.int64)
    lengths = np.linalg.norm(z[edges[:, 0]].astype(np.float64) - z[edges[:, 1]], axis=1)
    if average_degree is not None:
        kept = np.sort(np.argsort(lengths, kind="stable")[: round(size * average_degree / 2)])
        edges, lengths = edges[kept], lengths[kept]
    return NeighbourGraph(size, edges, lengths)
