"""The training loop: one object that holds everything that changes, and can be cut off and taken up anywhere."""

import csv
import logging
import math
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from napari_tomodrgn.errors import AbandonedError, InputError, RunError
from napari_tomodrgn.files import atomic_open
from napari_tomodrgn.model.decoder_gradient import fuse
from napari_tomodrgn.model.free_latents import FreeLatents
from napari_tomodrgn.model.linear_encoder import LinearEncoder
from napari_tomodrgn.model.vae import VAE
from napari_tomodrgn.particles.particle_set import ParticleSet
from napari_tomodrgn.progress import track
from napari_tomodrgn.runs import layout
from napari_tomodrgn.runs.latents import HELD_OUT, TRAIN, Latents
from napari_tomodrgn.runs.lock import check_held
from napari_tomodrgn.stopping import InterruptedWorkError, StopRequest
from napari_tomodrgn.training.batches import Batch, Rows, Sampler
from napari_tomodrgn.training.beta import BetaController
from napari_tomodrgn.training.checkpoints import TrainedModel, save_checkpoint
from napari_tomodrgn.training.decoding import BlockSize
from napari_tomodrgn.training.device import Compute
from napari_tomodrgn.training.distributed import ALONE, RankLostError, Ranks
from napari_tomodrgn.training.epoch_metrics import EpochSums, best_epoch
from napari_tomodrgn.training.feeding import one_ahead
from napari_tomodrgn.training.graphs import StepGraphs, cuda_recorder
from napari_tomodrgn.training.inference import (
    FITTING_STEPS,
    NYQUIST,
    Images,
    Posteriors,
    correct,
    fitted_latents,
    held_out_reconstruction,
    infer_latents,
    linear_posteriors,
)
from napari_tomodrgn.training.linear_fit import fit_linear_encoder
from napari_tomodrgn.training.objective import Losses, train_on_batch
from napari_tomodrgn.training.options import TrainOptions
from napari_tomodrgn.training.points import BatchImages
from napari_tomodrgn.training.row_adam import RowAdam
from napari_tomodrgn.training.spectral_prior import SpectralPrior
from napari_tomodrgn.training.warm_start import warm_start

log = logging.getLogger("napari_tomodrgn")
FED_AHEAD = ("cuda",)  # by a thread of its own, which on a CPU would take a core from the steps
RECORDED_ON = ("cuda",)
COARSEST = 0.25  # of Nyquist's frequency: where training from coarse to fine begins
STEPS_PER_NOTE = {"cpu": 1, "mps": 16, "cuda": 16}  # the host waits for a GPU where it asks for losses


@dataclass
class Trainer:
    """A model in training on the images of a set, in a run's folder."""

    options: TrainOptions
    particle_set: ParticleSet
    images: Images
    sampler: Sampler
    model: VAE
    compute: Compute
    folder: Path
    stop: StopRequest
    ranks: Ranks = ALONE
    epoch: int = 0  # finished
    position: int = 0  # steps done in the epoch after it
    sums: EpochSums = field(default_factory=EpochSums)
    history: list[dict[str, float]] = field(default_factory=list)
    warm: bool = False  # whether the encoder is another run's
    taken_up: int = 0  # the epoch that a run went on from: volumes and analyses may refer to it

    def __post_init__(self) -> None:
        self.model.to(self.compute.device)
        fuse(self.options.compile)
        self.optimiser = torch.optim.AdamW(
            self.model.shared_parameters,
            lr=self.options.learning_rate,
            weight_decay=self.options.weight_decay,
            eps=1e-8,
            fused=self.compute.device.type in ("cpu", "cuda"),
        )
        self.row_optimiser = None
        if isinstance(self.model.encoder, FreeLatents):
            self.row_optimiser = RowAdam(list(self.model.encoder.parameters()), self.options.latent_learning_rate)
        self._parameters = list(self.model.parameters())  # finding them takes longer than a GPU's step should
        self.scaler = self.compute.scaler()
        self.graphs = StepGraphs(cuda_recorder()) if self.compute.device.type in RECORDED_ON else None
        self.block_size = BlockSize(self.compute)
        self.beta = BetaController.of(self.options)
        self._unnoted: list[tuple[Batch, Losses, float]] = []
        self.posteriors: Posteriors | None = None  # of a linear encoder that looks at the same images at every visit
        self.prior = None
        if self.options.uses_spectral_prior:
            spectra = self.images.weighting.spectra
            noise = 1.0 if spectra is None else spectra.level
            self.prior = SpectralPrior(self.particle_set.box, self.compute.device, noise)

    @property
    def _progress(self) -> float:
        """The share of the run's steps that are done."""
        return (self.epoch + self.position / self.sampler.batches) / self.options.epochs

    def _learning_rate(self) -> float:
        if self.options.learning_rate_schedule == "cosine":
            return self.options.learning_rate * 0.5 * (1 + math.cos(math.pi * self._progress))
        return self.options.learning_rate

    def train(self) -> None:
        """Train until the last epoch is finished.

        Raises
        ------
        InterruptedWorkError
            Where a stop was asked for; the state within the epoch is on disk then.
        RunError
            Where a loss is not finite, and the last epoch's checkpoint stays as it is; or where another rank was lost,
            and the state after the last step that all ranks did is on disk.
        """
        self._begin()
        try:
            while self.epoch < self.options.epochs and not self._ends_early():
                self._train_epoch()
                self._finish_epoch()
        except (RankLostError, AbandonedError) as error:
            if self.ranks.first and self.position:
                save_checkpoint(layout.stopped_path(self.folder), self.state())
            if isinstance(error, RankLostError):
                when = f" in epoch {self.epoch + 1}"
                raise RankLostError(f"{self.folder}: {error.who}", error.reason, when) from error
            raise

    @property
    def chosen_epoch(self) -> int:
        """The epoch that the run is used at."""
        return best_epoch(self.history) if self.options.keep == "best" else self.epoch

    def _ends_early(self) -> bool:
        """Return whether what is held out was not fitted better for as many epochs as there is patience."""
        if self.options.patience is None or self.position or not self.history:
            return False
        early = self.epoch - best_epoch(self.history) >= self.options.patience
        if early:
            log.info(
                "what is held out was fitted best in epoch %d; ending after epoch %d (--patience %d)",
                best_epoch(self.history),
                self.epoch,
                self.options.patience,
            )
        return early

    def begin_from(self, trained: TrainedModel, latents: Latents | None) -> None:
        """Begin with the weights of another run's model, that of its linear encoder included, and with its latents."""
        warm_start(self.model, trained, self.images.standard_deviation, latents, self.particle_set.ids)
        self.warm = trained.model.encoder is not None

    def _begin(self) -> None:
        """Let all ranks begin from the state of the first."""
        unlearned = isinstance(self.model.encoder, LinearEncoder) and not (self.epoch or self.position or self.warm)
        if self.ranks.first and unlearned:
            assert isinstance(self.model.encoder, LinearEncoder)
            fit_linear_encoder(self.model.encoder, self.images, self.sampler.split, self.options.seed, self.stop)
            # what the weak dimensions draw is learned as fast as what the strong ones do
            self.model.decoder.latent_scale.copy_(1 / self.model.encoder.prior_deviation)
        state = self.ranks.from_first(self.state)
        if not self.ranks.first:
            self.restore(state)
        self._solve_posteriors()

    def _solve_posteriors(self) -> None:
        """Ask a linear encoder for all latents at once, where they stay the same until images are seen differently."""
        if isinstance(self.model.encoder, LinearEncoder) and self.sampler.tilts is None:
            self.posteriors = linear_posteriors(self.model.encoder, self.images, self.sampler.split.training)

    def _train_epoch(self) -> None:
        self.model.train()
        began = time.perf_counter() - self.sums.seconds
        steps = range(self.position, self.sampler.batches)
        ahead = self.compute.device.type in FED_AHEAD
        fed = one_ahead(self._load, steps) if ahead else ((position, self._load(position)) for position in steps)
        name = f"epoch {self.epoch + 1} of {self.options.epochs}"
        for position, loaded in track(fed, name, total=len(steps), unit="steps"):
            self._step(*loaded)
            self.position = position + 1
            self.sums.seconds = time.perf_counter() - began
            signal = self.ranks.stop_signal(self.stop)
            if signal is not None:
                self._note_losses()
                self._interrupt(signal)
        self._note_losses()

    def _load(self, position: int) -> tuple[Batch, Batch, BatchImages]:
        """Return the batch of a step, this rank's share of it, and the share's images."""
        batch = self.sampler.training_batch(self.epoch + 1, position)
        share = self.ranks.share(batch)
        return batch, share, self.images.of(share, self._radius(position))

    def _radius(self, position: int) -> float:
        """Return the highest frequency that a step of this epoch looks at, cycles/px."""
        if not self.options.coarse_to_fine:
            return NYQUIST
        progress = (self.epoch + position / self.sampler.batches) / self.options.epochs
        return NYQUIST * min(1.0, COARSEST + (1 - COARSEST) * progress / self.options.coarse_to_fine)

    def _step(self, batch: Batch, share: Batch, images: BatchImages) -> None:
        beta = self.beta.value(self._progress)
        for group in self.optimiser.param_groups:
            group["lr"] = self._learning_rate()
        for parameter in self._parameters:
            parameter.grad = None
        prior = self.ranks.own_prior(self.prior)
        own = train_on_batch(
            self.model,
            images,
            self.images.lattice,
            weighting=self.images.weighting,
            beta=beta,
            noise=self.sampler.noise(self.epoch + 1, self.position),
            compute=self.compute,
            scaler=self.scaler,
            prior=prior,
            part=self.ranks.part(len(batch)),
            of=len(batch),
            posterior=self._posterior(share),
            block_size=self.block_size,
            point_fraction=self.options.point_fraction,
            particles=self._on_device(share.particles) if self.row_optimiser is not None else None,
            gradient=self.graphs,
        )
        losses = self.ranks.losses(own, len(batch), self.stop)
        at_once = STEPS_PER_NOTE[losses.kld.device.type] if self.options.kl_target is None else 1
        if at_once == 1:
            self._check_finite(losses, batch)
        self.ranks.sum_gradients(self.model)
        self.ranks.note(self.prior, prior)
        # nothing above has changed the state that goes on disk where a rank was lost
        if self.row_optimiser is not None:
            self.row_optimiser.step(self._on_device(batch.particles), float(self.scaler.get_scale()))
        self.scaler.step(self.optimiser)
        self.scaler.update()
        self._unnoted.append((batch, losses, beta))
        if len(self._unnoted) >= at_once:
            self._note_losses()

    def _note_losses(self) -> None:
        """Add up the losses of the steps since the last call, and raise where one is not finite."""
        unnoted, self._unnoted = self._unnoted, []
        if not unnoted:
            return
        together = torch.cat([torch.stack([found.reconstruction, found.kld]) for _, found, _ in unnoted], dim=1).cpu()
        each = torch.split(together, [len(batch) for batch, _, _ in unnoted], dim=1)
        for (batch, _, beta), found in zip(unnoted, each, strict=True):
            losses = Losses(*found)
            self._check_finite(losses, batch)
            box = self.images.lattice.box
            self.sums.particles += len(batch)
            self.sums.reconstruction += float(losses.reconstruction.double().sum())
            self.sums.kld += float(losses.kld.double().sum())
            self.sums.regulariser += float((beta * losses.kld.double() / (batch.counts * box**2)).sum())
            self.beta.observe(float(losses.kld.mean()))

    def _posterior(self, batch: Batch) -> tuple[Tensor, Tensor] | None:
        if self.posteriors is None:
            return None
        particles = self._on_device(batch.particles)
        return self.posteriors.mean[particles], self.posteriors.covariance[particles]

    def _on_device(self, particles: Rows) -> Tensor:
        return torch.from_numpy(particles).to(self.compute.device, non_blocking=True)

    def _check_finite(self, losses: Losses, batch: Batch) -> None:
        finite = losses.finite.cpu()
        if not finite.all():
            particle = int(batch.particles[int((~finite).nonzero()[0])])
            tomogram, name = self.particle_set.ids[particle]
            kept = f"the checkpoint of epoch {self.epoch} is whole" if self.epoch else "no epoch was finished"
            error = RunError(
                f"{self.folder}: the loss of particle {name} of tomogram {tomogram} is not finite in epoch "
                f"{self.epoch + 1}; {kept}; begin another run with a lower "
                "--learning-rate, --amp off, or without the particle"
            )
            raise self.ranks.once(error)

    def _finish_epoch(self) -> None:
        began = time.perf_counter()
        beta, learning_rate = self.beta.value(self._progress), self._learning_rate()
        latents = self.infer() if self.options.heterogeneous else None
        z_mean = None if latents is None else latents.z_mean
        if self.images.corrections is not None:
            correct(self.model, self.images, self.sampler, z_mean, self.compute, self.ranks)
            self._solve_posteriors()
        held_out = held_out_reconstruction(self.model, self.images, self.sampler, z_mean, self.compute, self.ranks)
        seconds = self.sums.seconds + time.perf_counter() - began
        if self.prior is not None:
            self.prior.end_epoch()
        self.epoch += 1
        row = self.sums.row(self.epoch, beta, learning_rate, held_out, seconds)
        self.history.append(row)
        self.position, self.sums = 0, EpochSums()
        if self.ranks.first:
            self._write_epoch(latents, row)
        self.ranks.barrier()

    def _write_epoch(self, latents: Latents | None, row: dict[str, float]) -> None:
        check_held(self.folder)
        if latents is not None:
            latents.save(layout.latents_path(self.folder, self.epoch))
        if self.images.corrections is not None:
            self.images.corrections.write(self.folder / layout.CORRECTIONS, self.particle_set)
        save_checkpoint(layout.checkpoint_path(self.folder, self.epoch), self.state())
        self.write_metrics()
        layout.stopped_path(self.folder).unlink(missing_ok=True)
        self._drop_previous_checkpoint()
        log.info(
            "epoch %d: loss %.6g, reconstruction %.6g, KL divergence %.4g, %.3g particles/s",
            self.epoch,
            row["loss"],
            row["reconstruction"],
            row["kld"],
            row["particles_per_second"],
        )

    def _drop_previous_checkpoint(self) -> None:
        previous = {self.epoch - 1}
        if self.options.keep == "best" and self.epoch > 1:
            previous.add(best_epoch(self.history[:-1]))
        for epoch in previous - {0, self.taken_up, self.chosen_epoch}:
            if epoch % self.options.checkpoint_every:
                layout.checkpoint_path(self.folder, epoch).unlink(missing_ok=True)

    def infer(self) -> Latents:
        """Return the latents of all particles, by deterministic inference."""
        if isinstance(self.model.encoder, FreeLatents):
            mean, log_variance = self._free_latents(self.model.encoder)
        elif self.posteriors is not None:
            mean = self.posteriors.mean.cpu().numpy()
            log_variance = self.posteriors.covariance.diagonal(dim1=1, dim2=2).log().cpu().numpy()
        else:
            draws = [self.sampler.inference_draws(particle) for particle in range(len(self.particle_set))]
            mean, log_variance = infer_latents(self.model, self.images, draws, self.ranks)
        names = [HELD_OUT if held else TRAIN for held in self.sampler.split.is_held_out]
        return Latents(tuple(self.particle_set.ids), mean, log_variance, np.array(names, dtype=np.str_))

    def _free_latents(self, latents: FreeLatents) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Return mean and log-variance (N, |z|) as they were learned, and of particles held out, fitted to the decoder.

        Where latents are to be refined, those learned change.
        """
        mean, log_variance = (each.detach().cpu().numpy().copy() for each in (latents.mean, latents.log_variance))
        own, held = self.sampler.split.particles, np.flatnonzero(self.sampler.split.is_held_out)
        beta = self.beta.value(self._progress)
        for particles, steps in ((own, int(self.options.refine_latents)), (held, FITTING_STEPS)):
            if not (steps and len(particles)):
                continue
            rows = [self.sampler.split.training[particle] for particle in particles]
            found = fitted_latents(
                self.model, self.images, rows, mean[particles], beta, self.compute, steps, self.ranks
            )
            mean[particles], log_variance[particles] = found
        if self.options.refine_latents:
            with torch.no_grad():
                latents.mean[own] = torch.from_numpy(mean[own]).to(latents.mean)
                latents.log_variance[own] = torch.from_numpy(log_variance[own]).to(latents.mean)
        return mean, log_variance

    def _interrupt(self, signal_number: int) -> None:
        if self.ranks.first:
            check_held(self.folder)
            save_checkpoint(layout.stopped_path(self.folder), self.state())
        self.ranks.barrier()
        stopped = InterruptedWorkError(
            f"{self.folder}: stopped after step {self.position} of {self.sampler.batches} in epoch {self.epoch + 1}; "
            "go on with --resume",
            signal_number,
        )
        raise self.ranks.once(stopped)

    def write_metrics(self) -> None:
        """Write metrics.csv anew from the history, so that no epoch is there twice or missing."""
        with atomic_open(self.folder / layout.METRICS) as stream:
            writer = csv.DictWriter(stream, layout.METRIC_COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(self.history)

    def state(self) -> dict[str, Any]:
        """Return everything that a checkpoint holds: tensors and plain values."""
        return {
            "architecture": self.model.architecture.as_dict(),
            "model": self.model.state_dict(),
            "optimizer": self.optimiser.state_dict(),
            "row_optimizer": None if self.row_optimiser is None else self.row_optimiser.state(),
            "scaler": self.scaler.state_dict(),
            "rng": torch.get_rng_state(),
            "beta": self.beta.state(),
            "prior": None if self.prior is None else self.prior.state(),
            "epoch": self.epoch,
            "corrections": None if self.images.corrections is None else self.images.corrections.state(),
            "position": self.position,
            "sums": vars(self.sums).copy(),
            "history": self.history,
            "standard_deviation": self.images.standard_deviation,
            "pixel_size": self.particle_set.pixel_size,
            "forward_model": self.particle_set.forward_model.as_dict(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take up a state that :meth:`state` returned.

        Raises
        ------
        InputError
            Where it belongs to a model of another shape.
        """
        if state["architecture"] != self.model.architecture.as_dict():
            raise InputError(f"{self.folder}: its checkpoint is of a network of another shape; choose another --outdir")
        self.model.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimizer"])
        if self.row_optimiser is not None and state.get("row_optimizer") is not None:
            self.row_optimiser.restore(state["row_optimizer"])
        if state["scaler"] and self.scaler.is_enabled():
            self.scaler.load_state_dict(state["scaler"])
        torch.set_rng_state(state["rng"].cpu())
        self.beta.restore(state["beta"])
        if self.prior is not None:
            self.prior.restore(state["prior"])
        if self.images.corrections is not None and state.get("corrections") is not None:
            self.images.corrections.restore(state["corrections"])
        self.epoch, self.position = state["epoch"], state["position"]
        self.taken_up = self.epoch
        self.sums, self.history = EpochSums(**state["sums"]), list(state["history"])
