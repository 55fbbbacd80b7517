"""Some particles of a run, averaged by weighted backprojection, beside the volume that the run decodes for them."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.analysis.run_evidence import RunEvidence, require_images
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.files import atomic_folder
from napari_tomodrgn.imaging.window import soft_sphere
from napari_tomodrgn.particles.maps import flip_hand, write_map
from napari_tomodrgn.particles.particle_set import ParticleId
from napari_tomodrgn.particles.selection import Selection
from napari_tomodrgn.reconstruction.backproject import Backprojection, Weighting, backprojecting
from napari_tomodrgn.reconstruction.decode import decode_volumes
from napari_tomodrgn.reconstruction.fsc import fsc, resolution_at
from napari_tomodrgn.reconstruction.reconstruct import write_curves

AVERAGED, DECODED = "backprojection", "decoded_mean"
FILES = (f"{AVERAGED}.mrc", "half_1.mrc", "half_2.mrc", f"{DECODED}.mrc", "fsc.csv", "selection.json")
HALF_MAPS_AT = 0.143
FloatMap = npt.NDArray[np.float32]
Curve = npt.NDArray[np.float64]


@dataclass(frozen=True)
class SelectionMaps:
    """Two maps of some particles, (D, D, D) z, y, x in the frame of the poses, and how alike they are.

    Attributes
    ----------
    particles
        Their ids.
    averaged
        The backprojection of their images with its half-maps, and the FSC of these.
    decoded
        The run's volume at the mean of their latents, within the soft sphere that the backprojection lies in.
    has_latent
        Whether that volume is their own: a decoder alone has one for all particles.
    between
        (D/2 + 1,) Fourier shell correlation of both maps.
    pixel_size, map_hand
        Å, and whether maps are flipped when they are written.
    """

    particles: tuple[ParticleId, ...]
    averaged: Backprojection
    decoded: FloatMap
    has_latent: bool
    between: Curve
    pixel_size: float
    map_hand: str

    @property
    def half_maps(self) -> Curve:
        """(D/2 + 1,) Fourier shell correlation of the backprojection's half-maps."""
        assert self.averaged.fsc is not None
        return self.averaged.fsc

    @property
    def frequencies(self) -> Curve:
        """(D/2 + 1,) of the curves, 1/Å."""
        shells = len(self.between)
        return np.arange(shells) / (2 * (shells - 1) * self.pixel_size)

    @property
    def averaged_origin(self) -> str:
        """Where the averaged map comes from, in words."""
        return f"averaged by backprojection of {len(self.particles):,} particles"

    @property
    def decoded_origin(self) -> str:
        """Where the decoded map comes from, in words."""
        return "decoded by the VAE at their mean latent" if self.has_latent else "the decoder's, of all particles"

    @property
    def half_map_resolution(self) -> str:
        """How far the half-maps agree, in words; a decoded map has no such number."""
        resolution = resolution_at(self.half_maps, HALF_MAPS_AT, self.pixel_size)
        if not np.isfinite(resolution):
            return "the half-maps agree at no resolution"
        nyquist = " (Nyquist)" if resolution <= 2 * self.pixel_size * 1.0001 else ""
        return f"the half-maps agree to {resolution:.1f} Å{nyquist} at {HALF_MAPS_AT}"


def selection_maps(
    source: RunEvidence, rows: Sequence[int] | npt.NDArray[np.int64]
) -> Generator[tuple[int, int], None, SelectionMaps]:
    """Return the maps of the particles at ``rows``, and yield how many steps are done, of how many.

    Images are weighted and windowed as in the run's training.

    Raises
    ------
    InputError
        Where there are fewer than two particles, their images are not there, or one has no latent.
    """
    if len(rows) < 2:
        selected = "no particle is" if not len(rows) else "1 particle is"
        raise InputError(f"backprojection: {selected} selected, and half-maps need two or more; select more")
    particle_set, options = source.particle_set.take(np.asarray(rows)), source.options
    require_images(particle_set)
    latents = np.stack([source.latent(int(row)) for row in rows])
    weighting = Weighting(options.dose_weight, options.tilt_weight, options.dose_mask, options.dose_middle)
    averaged = yield from backprojecting(particle_set, weighting, window=options.window)
    mean = latents.mean(axis=0, keepdims=True) if source.latents is not None else None
    (decoded,) = decode_volumes(
        source.decoder, mean, standard_deviation=source.standard_deviation, compute=source.compute
    )
    if options.window:
        decoded = decoded * soft_sphere(particle_set.box).numpy()
    return SelectionMaps(
        particles=tuple(particle_set.ids),
        averaged=averaged,
        decoded=decoded,
        has_latent=source.latents is not None,
        between=fsc(averaged.map, decoded),
        pixel_size=particle_set.pixel_size,
        map_hand=particle_set.forward_model.map_hand,
    )


def write_selection_maps(maps: SelectionMaps, selection: Selection, folder: Path, *, overwrite: bool = False) -> None:
    """Write the maps in the hand that ``map_hand`` asks for, the curves and the selection, as one folder.

    Raises
    ------
    InputError
        Where the folder exists and is not to be replaced, or holds other files.
    """
    averaged = maps.averaged
    found = {AVERAGED: averaged.map, "half_1": averaged.half_1, "half_2": averaged.half_2, DECODED: maps.decoded}
    with atomic_folder(folder, overwrite=overwrite, replaces=FILES) as unfinished:
        for name, values in found.items():
            assert values is not None
            written = flip_hand(values) if maps.map_hand == "flip" else values
            write_map(unfinished / f"{name}.mrc", written, maps.pixel_size)
        write_curves(unfinished / "fsc.csv", {"half_maps": maps.half_maps, DECODED: maps.between}, maps.pixel_size)
        selection.save(unfinished / "selection.json")
