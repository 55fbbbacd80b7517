"""The pixels of tilt images, memory-mapped from their stacks."""

from collections import OrderedDict
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.mrc_header import MrcHeader, read_header
from napari_tomodrgn.particles.particle_set import ParticleSet
from napari_tomodrgn.particles.stack_paths import places

_OPEN_STACKS = 64


class ImageStacks:
    """Reads tilt images of a particle set; opening it checks every stack that the set uses, once.

    Raises :class:`InputError` where a stack is missing (naming every place tried), truncated, not D x D, or shorter
    than the images the star asks for. A few stacks are kept mapped at a time, so any number of them may be used.
    """

    def __init__(self, particle_set: ParticleSet) -> None:
        self._set = particle_set
        images = particle_set.tilt_images
        self._stack = images["stack"].to_numpy(np.int64)
        self._index = images["index"].to_numpy(np.int64)
        self._headers: dict[int, MrcHeader] = {}
        self._maps: OrderedDict[int, npt.NDArray[np.generic]] = OrderedDict()
        highest = np.full(len(particle_set.stacks), -1, dtype=np.int64)
        np.maximum.at(highest, self._stack, self._index)
        for stack in np.flatnonzero(highest >= 0).tolist():
            self._headers[stack] = self._checked_header(stack, int(highest[stack]))

    def __len__(self) -> int:
        return len(self._stack)

    def read(self, rows: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """Return (n, D, D) float32: the images of these rows of ``tilt_images``, in the order asked for.

        Raises :class:`InputError` on a pixel that is no finite number.
        """
        wanted = np.asarray(rows, dtype=np.int64)
        box = self._set.box
        result = np.empty((len(wanted), box, box), dtype=np.float32)
        stacks = self._stack[wanted]
        order = np.lexsort((self._index[wanted], stacks))
        edges = np.flatnonzero(np.diff(stacks[order], prepend=-1, append=-1))
        for begin, end in pairwise(edges.tolist()):
            into = order[begin:end]
            result[into] = self._mapped(int(stacks[into[0]]))[self._index[wanted[into]]]
        self._check_finite(result, wanted)
        return result

    def _mapped(self, stack: int) -> npt.NDArray[np.generic]:
        mapped = self._maps.pop(stack, None)
        if mapped is None:
            header = self._headers[stack]
            mapped = np.memmap(self._set.stacks[stack], header.dtype, "r", header.offset, header.shape)
            while len(self._maps) >= _OPEN_STACKS:
                self._maps.popitem(last=False)
        self._maps[stack] = mapped
        return mapped

    def _checked_header(self, stack: int, highest: int) -> MrcHeader:
        particle_set, source = self._set, self._set.source
        path = particle_set.stacks[stack]
        if not path:
            name = particle_set.stack_names[stack]
            tried = ", ".join(map(str, places(name, source.path, source.datadir)))
            raise InputError(f"{source.path}: image stack {name} was not found (looked for {tried}); give --datadir")
        header = read_header(path)
        images, height, width = header.shape
        if height != width or width % 2:
            raise InputError(f"{path}: its images are {width} x {height} px; square images of even size are needed")
        if width != particle_set.box:
            raise InputError(
                f"{path}: its images are {width} x {height} px, but {source.path} says {particle_set.box}; "
                "all images of a set need one box size"
            )
        if highest >= images:
            raise InputError(f"{path}: holds {images} images, but {source.path} asks for image {highest + 1} of it")
        return header

    def _check_finite(self, images: npt.NDArray[np.float32], rows: npt.NDArray[np.int64]) -> None:
        # a sum is finite only if every term is, and needs no array of the images' size
        finite = np.isfinite(np.einsum("nij->n", images, dtype=np.float64))
        if finite.all():
            return
        row = int(rows[np.flatnonzero(~finite)[0]])
        tomogram, name = self._set.ids[int(self._set.tilt_images["particle"].iloc[row])]
        path = Path(self._set.stacks[self._stack[row]])
        raise InputError(
            f"{path}: image {self._index[row] + 1} (particle {name} of tomogram {tomogram}) holds pixels that are "
            "NaN or infinite; extract it again or leave the particle out"
        )
