"""A run's model beside the images of its particles: where the evidence for a particle's volume comes from."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from pydantic import ValidationError
from torch import Tensor

from napari_tomodrgn.analysis.embeddings import PrincipalComponents, principal_components
from napari_tomodrgn.analysis.particle_evidence import FloatArray, ParticleEvidence
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.imaging.hartley import complex_to_pairs
from napari_tomodrgn.model.decoder import Decoder
from napari_tomodrgn.model.decoder_gradient import DecodedPoints
from napari_tomodrgn.model.free_latents import FreeLatents
from napari_tomodrgn.particles.particle_set import ParticleSet
from napari_tomodrgn.runs import layout
from napari_tomodrgn.runs.latents import Latents
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.training.batches import Batch, Rows, split_tilts
from napari_tomodrgn.training.checkpoints import load_model
from napari_tomodrgn.training.corrections import Corrections
from napari_tomodrgn.training.decoding import Decoding
from napari_tomodrgn.training.device import Compute, choose_compute
from napari_tomodrgn.training.focus import FocusMask, read_focus_mask
from napari_tomodrgn.training.gauss_newton import Unknowns
from napari_tomodrgn.training.inference import FITTING_STEPS, Images, fitted_latents, infer_latents
from napari_tomodrgn.training.options import TrainOptions
from napari_tomodrgn.training.points import BatchImages, Weighting
from napari_tomodrgn.training.store import DirectImages
from napari_tomodrgn.training.workers import in_threads


class MissingImagesError(InputError):
    """A run is looked at where its image stacks are not."""


class RunEvidence:
    """Evidence for the volumes of a run's particles, one particle at a time. Works in any thread.

    Only the images of the particle that is asked for are read.

    Parameters
    ----------
    run, epoch
        Whose model is asked.
    particle_set
        The run's particles, as :meth:`Run.particle_set` gives them.
    compute
        Where to decode and at which precision; default: exactly, where there is most power.

    Raises
    ------
    InputError
        Where the run lacks the epoch, or its files can't be read.
    """

    def __init__(self, run: Run, epoch: int, particle_set: ParticleSet, compute: Compute | None = None) -> None:
        self.run, self.epoch, self.particle_set = run, epoch, particle_set
        self.compute = compute or choose_compute("auto", "off")
        self._trained = load_model(run, epoch, self.compute.device)
        self.options = _recorded(run)
        self.latents: Latents | None = run.latents(epoch) if run.latent_dim else None
        ids = () if self.latents is None else self.latents.ids
        self._row_of = {particle: row for row, particle in enumerate(ids)}

    @property
    def decoder(self) -> Decoder:
        """The trained decoder."""
        return self._trained.model.decoder

    @property
    def standard_deviation(self) -> float:
        """What the images were divided by."""
        return self._trained.standard_deviation

    @cached_property
    def mean_latent(self) -> npt.NDArray[np.float32]:
        r"""(\|z\|,) the mean over all particles."""
        if self.latents is None:
            return np.zeros(0, np.float32)
        return np.asarray(self.latents.z_mean.mean(axis=0), dtype=np.float32)

    @cached_property
    def components(self) -> PrincipalComponents | None:
        """The principal components of all particles' latents, ``None`` of a decoder alone."""
        return None if self.latents is None else principal_components(self.latents.z_mean)

    def along_components(self, z: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        r"""Return latents (n, \|z\|) along the principal components (n, C), as all particles' are."""
        found = self.components
        if found is None:
            return np.zeros((len(z), 0), np.float32)
        return np.asarray((z - found.mean) @ found.directions.T, dtype=np.float32)

    def latent(self, row: int) -> npt.NDArray[np.float32]:
        r"""Return the latent (\|z\|,) of a particle of the set.

        Raises
        ------
        InputError
            Where it has none.
        """
        if self.latents is None:
            return np.zeros(0, np.float32)
        tomogram, name = self.particle_set.ids[row]
        if (tomogram, name) not in self._row_of:
            raise InputError(f"particle {name} of tomogram {tomogram}: has no latent in this run, so it has no volume")
        latent: npt.NDArray[np.float32] = self.latents.z_mean[self._row_of[tomogram, name]]
        return latent

    def of(self, row: int) -> ParticleEvidence:
        """Return the evidence for the volume of a particle of the set.

        Raises
        ------
        MissingImagesError
            Where its images are not there.
        InputError
            Where it has no latent, or its images can't be read.
        """
        latent = self.latent(row)
        images, batch = self._images(row)
        one, own = images.of(batch), self._table(row)
        points = images.lattice
        same = self.latents is None
        own_projections = self._projections(images, one, latent)
        mean_projections = own_projections if same else self._projections(images, one, self.mean_latent)
        tilt = own["tilt_angle"].fillna(own["stage_tilt"]).to_numpy(np.float64)
        signed = bool(np.isfinite(tilt).all())
        return ParticleEvidence(
            particle=self.particle_set.ids[row],
            box=points.box,
            pixel_size=self.particle_set.pixel_size,
            images=one.pairs.cpu(),
            projections=own_projections.cpu(),
            mean_projections=mean_projections.cpu(),
            weights=images.weighting.weights(one.tilts, points).cpu(),
            kept=one.kept,
            dose=one.tilts.dose.double().cpu().numpy(),
            tilt=tilt if signed else np.rad2deg(np.arccos(own["tilt_cosine"].to_numpy(np.float64).clip(0, 1))),
            signed=signed,
            defocus=own[["defocus_u", "defocus_v"]].to_numpy(np.float64).mean(axis=1),
            loss=self._losses(images, one, latent, own_projections),
            mean_loss=self._losses(images, one, self.mean_latent, mean_projections),
            trained=self._trained_on(row),
            latent=latent,
        )

    def latents_by_tilt(self, row: int) -> Iterator[npt.NDArray[np.float32]]:
        r"""Yield what each of a particle's images alone says of its latent, (m, \|z\|) at a time, n in all.

        An encoder that concatenates tilt images is shown the same one in all places. Without an encoder, each latent is
        fitted to one image.

        Raises
        ------
        MissingImagesError
            Where its images are not there.
        InputError
            Where an image alone can't say anything.
        """
        if self.latents is None:
            raise InputError(f"{self.run.path}: is a decoder alone, so no tilt image says anything of a latent")
        model, beta = self._trained.model, self.options.base_beta
        images, batch = self._images(row)
        each = [np.array([number]) for number in range(len(batch.rows))]
        if not isinstance(model.encoder, FreeLatents):
            times = model.architecture.tilts or 1
            yield infer_latents(model, images, [[np.repeat(own, times)] for own in each])[0]
            return
        if not beta:
            raise InputError(f"{self.run.path}: was trained with --beta 0, so one tilt image leaves its latent open")
        for own in each:
            start = np.zeros((1, self.run.latent_dim), np.float32)
            yield fitted_latents(model, images, [own], start, beta, self.compute, FITTING_STEPS)[0]

    @property
    def how_one_tilt_is_read(self) -> str:
        """How the latent of one tilt image is found, in words, where it is not by the encoder as it is."""
        architecture = self._trained.model.architecture
        if architecture.tilts:
            return f"each tilt in all {architecture.tilts} places of the encoder"
        return "each fitted to one tilt" if isinstance(self._trained.model.encoder, FreeLatents) else ""

    # images

    def _table(self, row: int) -> pd.DataFrame:
        first = self.particle_set.first_tilt
        return self.particle_set.tilt_images.iloc[first[row] : first[row + 1]]

    def _images(self, row: int) -> tuple[Images, Batch]:
        """Return the images of a particle, as a set of its own, and all of them as a batch."""
        particle_set = self.particle_set.take([row])
        require_images(particle_set)
        options = self.options
        source = DirectImages(particle_set, window=options.window, standard_deviation=self.standard_deviation)
        images = Images.on(
            self.compute.device,
            particle_set,
            source,
            replace(self._weighting, whiten=False),
            dose_middle=options.dose_middle,
            corrections=None if self._corrections is None else self._corrections.of_particle(row),
        )
        if self._noise_groups is not None:
            first = self.particle_set.first_tilt
            own = self._noise_groups[int(first[row]) : int(first[row + 1])]
            images = replace(images, tilts=replace(images.tilts, noise_group=own))
        rows: Rows = np.arange(len(images.tilts))
        return images, Batch.of([0], [rows])

    @cached_property
    def _weighting(self) -> Weighting:
        """What counts how much, the spectra of the noise of all images included where they count."""
        mask = read_focus_mask(self.options, self.particle_set)
        plain = Weighting.of(self.options)
        focus = None if mask is None else FocusMask(mask, self.compute.device)
        return replace(plain if self._whitened is None else self._whitened.weighting, focus=focus)

    @property
    def _noise_groups(self) -> Tensor | None:
        return None if self._whitened is None else self._whitened.tilts.noise_group

    @cached_property
    def _whitened(self) -> Images | None:
        """All images of the run, as far as the spectra of their noise were measured on them."""
        if not self.options.whiten:
            return None
        require_images(self.particle_set)
        source = DirectImages(self.particle_set, window=self.options.window, standard_deviation=self.standard_deviation)
        weighting, middle = Weighting.of(self.options), self.options.dose_middle
        return Images.on(self.compute.device, self.particle_set, source, weighting, dose_middle=middle)

    @cached_property
    def _corrections(self) -> Corrections | None:
        state = self._trained.corrections
        if state is None:
            return None
        unknowns = Unknowns(contrast=self.options.fit_contrast, moves=self.options.refine_poses)
        corrections = Corrections.of(self.particle_set, unknowns)
        corrections.restore(state)
        return corrections

    @cached_property
    def _held_out(self) -> tuple[Rows, ...]:
        options = self.options
        return split_tilts(self.particle_set, options.held_out_fraction, options.held_out_by, options.seed).held_out

    def _trained_on(self, row: int) -> npt.NDArray[np.bool_]:
        first = self.particle_set.first_tilt
        trained = np.ones(int(first[row + 1] - first[row]), dtype=bool)
        if self.options.held_out_fraction:
            trained[self._held_out[row] - first[row]] = False
        return trained

    # the model

    @torch.no_grad()
    def _projections(self, images: Images, one: BatchImages, latent: npt.NDArray[np.float32]) -> Tensor:
        """Return what the model expects the images to be, pairs (n, 2, P)."""
        decoding = Decoding(self.decoder, images.lattice, images.weighting, self.compute)
        latent_input = self._latent_input(latent)
        k3 = one.tilts.k3(images.lattice)

        @torch.no_grad()
        def decoded(block: Tensor) -> Tensor:
            found = DecodedPoints(decoding.weights, block, latent_input, None)
            return torch.complex(found.real, found.imaginary)

        blocks = torch.split(k3.reshape(-1, 3), decoding.points_per_block)
        threaded = self.compute.device.type == "cpu"
        values = torch.cat(in_threads(decoded, blocks) if threaded else list(map(decoded, blocks)))
        return complex_to_pairs(values.view(k3.shape[:2]) * one.tilts.transfer(images.lattice))

    @torch.no_grad()
    def _losses(self, images: Images, one: BatchImages, latent: npt.NDArray[np.float32], found: Tensor) -> FloatArray:
        """Return (n,) what the objective says of each image, as of a particle that has no other.

        ``found`` (n, 2, P) are the projections; within a focus mask the objective itself is asked.
        """
        if images.weighting.focus is None:
            squares = (one.pairs - found).double().square().mean(dim=1)
            total = (images.weighting.weights(one.tilts, images.lattice) * squares).sum(dim=1).cpu().numpy()
            losses: FloatArray = total / np.maximum(one.kept, 1)
            return losses
        apart = replace(one, counts=torch.ones(len(one.tilts), dtype=torch.int64))
        latent_input = self._latent_input(latent)
        if latent_input is not None:
            latent_input = latent_input.expand(len(one.tilts), -1)
        decoding = Decoding(self.decoder, images.lattice, images.weighting, self.compute)
        return np.asarray(decoding.losses(apart, latent_input).cpu(), dtype=np.float64)

    def _latent_input(self, latent: npt.NDArray[np.float32]) -> Tensor | None:
        if not len(latent):
            return None
        with torch.no_grad():
            return self.decoder.latent_input(torch.from_numpy(latent)[None].to(self.compute.device))


def _recorded(run: Run) -> TrainOptions:
    """Return the options that a run was trained with."""
    values = {name: value for name, value in run.settings.items() if name in TrainOptions.model_fields}
    try:
        return TrainOptions(**{**values, "outdir": run.path})
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        raise InputError(
            f"{run.path / layout.DOCUMENT}: records {first['input']!r} as {name!r} ({first['msg']}); copy the run again"
        ) from error


def require_images(particle_set: ParticleSet) -> None:
    """Raise :class:`MissingImagesError` where a stack that particles have images in was not found."""
    used = np.unique(particle_set.tilt_images["stack"].to_numpy(np.int64))
    missing = [particle_set.stack_names[stack] for stack in used if not particle_set.stacks[stack]]
    if missing:
        count = f"{len(missing)} of the {len(used)} image stacks" if len(used) > 1 else "the image stack"
        raise MissingImagesError(
            f"evidence asks for the images: {count} that {particle_set.source.path} names ({missing[0]}) can't be "
            "found; say in which folder they are (on the command line --datadir)"
        )
