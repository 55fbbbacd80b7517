"""Volumes and surfaces of particles from a run's checkpoint, decoded when asked for and kept for the next time.

Volumes are as decoded, without ``map_hand``'s flip: they are placed in tomograms, which have the hand of the poses.
"""

from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.model.decoder import Decoder
from napari_tomodrgn.particles.particle_set import ParticleId
from napari_tomodrgn.reconstruction.decode import EXACT, VolumeDecoder
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.training.checkpoints import load_model
from napari_tomodrgn.training.device import Compute
from napari_tomodrgn.viewer.array_cache import ArrayCache
from napari_tomodrgn.viewer.meshes import EMPTY, Look, Mesh, Volume, surface_of

Latent = npt.NDArray[np.float32]
MADE_BY = 1  # changes with what is made of the same input, so that what an earlier version kept is made again
MOST_REMEMBERED = 64 << 20  # bytes of volumes in memory


class VolumeSource:
    """Volumes of N particles, by row, and of any other latent. Works in any thread.

    Parameters
    ----------
    decoder
        The trained decoder of box D.
    latents
        (N, |z|), NaN where a particle has none; of a decoder without a latent (N, 0): all have one volume.
    standard_deviation, compute
        As of :class:`VolumeDecoder`.
    pixel_size
        Å of the trained box.
    box
        Smaller even box of the volumes, cropped in Fourier space; default: the trained one. Surfaces at step 1 of half
        the box are as fine as those at step 2 of the whole, and an eighth of the points are decoded for them.
    identity
        Says which decoder this is, for the cache.
    cache
        Where volumes and surfaces are kept; ``None``: nowhere.

    Attributes
    ----------
    box, pixel_size
        px and Å of the volumes.
    latents
        As given.
    """

    def __init__(
        self,
        decoder: Decoder,
        latents: npt.ArrayLike,
        *,
        standard_deviation: float,
        pixel_size: float,
        box: int | None = None,
        compute: Compute = EXACT,
        identity: str = "",
        cache: ArrayCache | None = None,
    ) -> None:
        self.latents: Latent = np.ascontiguousarray(latents, dtype=np.float32)
        self._made_of = decoder, standard_deviation, pixel_size, compute, identity
        self._decoder = VolumeDecoder(decoder, standard_deviation=standard_deviation, box=box, compute=compute)
        self.box = self._decoder.box
        self.pixel_size = pixel_size * decoder.box / self.box
        self._cache = cache
        self._key = f"{MADE_BY} {identity} {compute.amp} box {self.box}"
        self._remembered: OrderedDict[bytes, Volume] = OrderedDict()
        self._lock = Lock()

    @classmethod
    def of_run(
        cls,
        run: Run,
        epoch: int,
        ids: Sequence[ParticleId],
        *,
        box: int | None = None,
        compute: Compute = EXACT,
        cache: ArrayCache | None = None,
    ) -> "VolumeSource":
        """Return the volumes of a run at an epoch for some particles, in their order.

        Raises
        ------
        InputError
            Where the run lacks that epoch, a file can't be read, or the box is odd or larger than the trained one.
        """
        identity = _identity(run, epoch)
        trained = load_model(run, epoch, compute.device)
        latents = np.full((len(ids), run.latent_dim), np.nan, dtype=np.float32)
        if run.latent_dim:
            known = run.latents(epoch)
            if known.ids == tuple(ids):  # as a training writes them
                latents = known.z_mean
            else:
                row_of = {particle: row for row, particle in enumerate(known.ids)}
                for row, particle in enumerate(ids):
                    if (at := row_of.get(particle)) is not None:
                        latents[row] = known.z_mean[at]
        return cls(
            trained.model.decoder,
            latents,
            standard_deviation=trained.standard_deviation,
            pixel_size=trained.pixel_size,
            box=box,
            compute=compute,
            identity=identity,
            cache=cache,
        )

    def in_box(self, box: int) -> "VolumeSource":
        """Return the same volumes in another even box, at most the trained one."""
        decoder, deviation, pixel_size, compute, identity = self._made_of
        return VolumeSource(
            decoder, self.latents, standard_deviation=deviation, pixel_size=pixel_size, box=box,
            compute=compute, identity=identity, cache=self._cache,
        )  # fmt: skip

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        """(N,) which particles have a volume."""
        return np.asarray(np.isfinite(self.latents).all(axis=1))

    def volume(self, latent: npt.ArrayLike) -> Volume:
        r"""Return the volume (d, d, d), z, y, x, of a latent (\|z\|,)."""
        latent = np.ascontiguousarray(latent, dtype=np.float32)
        code = latent.tobytes()
        with self._lock:
            if code in self._remembered:
                self._remembered.move_to_end(code)
                return self._remembered[code]
        volume = self._kept_volume(code)
        if volume is None:
            (volume,) = self._decoder.volumes(latent[None] if len(latent) else None)
            if self._cache is not None:
                self._cache.put(f"{self._key} volume {code.hex()}", volume=volume)
        with self._lock:
            self._remembered[code] = volume
            while len(self._remembered) * volume.nbytes > MOST_REMEMBERED:
                self._remembered.popitem(last=False)
        return volume

    def mesh(self, latent: npt.ArrayLike, look: Look, step: int = 1) -> Mesh:
        r"""Return the surface of a latent's (\|z\|,) volume, in px of this source's box; see :func:`surface_of`."""
        latent = np.ascontiguousarray(latent, dtype=np.float32)
        key = f"{self._key} {look} step {step} {latent.tobytes().hex()}"
        mesh = self._kept_mesh(key)
        if mesh is None:
            mesh = surface_of(self.volume(latent), self.pixel_size, look, step)
            if self._cache is not None:
                self._cache.put(key, vertices=mesh.vertices, faces=mesh.faces)
        return mesh

    def volume_of(self, row: int) -> Volume | None:
        """Return the volume of a particle, ``None`` where it has no latent."""
        latent = self.latents[row]
        return self.volume(latent) if np.isfinite(latent).all() else None

    def mesh_of(self, row: int, look: Look, step: int = 1) -> Mesh:
        """Return the surface of a particle, empty where it has no latent."""
        latent = self.latents[row]
        return self.mesh(latent, look, step) if np.isfinite(latent).all() else EMPTY

    def _kept_volume(self, code: bytes) -> Volume | None:
        key = f"{self._key} volume {code.hex()}"
        stored = self._cache.get(key) if self._cache is not None else None
        volume = None if stored is None else stored.get("volume")
        return volume if volume is not None and volume.shape == (self.box,) * 3 else None

    def _kept_mesh(self, key: str) -> Mesh | None:
        stored = self._cache.get(key) if self._cache is not None else None
        if stored is None or stored.keys() != {"vertices", "faces"}:
            return None
        return Mesh(stored["vertices"], stored["faces"])


def _identity(run: Run, epoch: int) -> str:
    """Return what tells a run's checkpoint from every other, and from what was in its place before."""
    path = run.checkpoint(epoch)
    stat = path.stat()
    return f"{path.resolve()} {run.document['data']['fingerprint']} {stat.st_size} {stat.st_mtime_ns}"
