"""What training and embedding are asked: a model each, shared by the command, the run directory and the widget."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.model.architecture import Architecture, Layers, Pooling, PositionalEncoding
from napari_tomodrgn.particles.data_options import DataOptions
from napari_tomodrgn.particles.particle_set import ParticleSet
from napari_tomodrgn.particles.selection import Selection
from napari_tomodrgn.runs import layout
from napari_tomodrgn.seeds import LARGEST_SEED

LARGEST_LINEAR = 16  # its normal matrices grow with the square of the latent's dimensions
StoreType = Literal["float16", "float32"]
LAYERS_PATTERN = r"^\d+x\d+$"
LAYERS_METAVAR = "NODESxLAYERS"
# A resumed run may differ from what it recorded in these alone: epochs may be raised, and whether the files named
# hold the same particles is told by their fingerprint.
FREE_ON_RESUME = (
    "epochs", "device", "workers", "resume", "resume_epoch", "overwrite", "dry_run", "outdir", "particles", "datadir",
    "volume_series", "selection", "parent_selection", "focus_mask", "store_dir", "devices", "print_sbatch",
    "compile",
)  # fmt: skip
NOT_RECORDED = (
    "resume", "resume_epoch", "overwrite", "dry_run", "outdir", "store_dir", "devices", "print_sbatch"
)  # fmt: skip


class ComputeOptions(DataOptions):
    """Where the work is done; shared by training and embedding."""

    device: Literal["auto", "cpu", "cuda", "mps"] = Field(
        "auto",
        description="Where to compute; auto takes a GPU where there is one.",
        json_schema_extra={"group": "Compute"},
    )
    amp: Literal["auto", "off", "fp16", "bf16"] = Field(
        "auto",
        description="Reduced precision: auto takes bf16 (else fp16) on CUDA, bf16 on a CPU with units for it (AMX or "
        "AVX512-BF16), otherwise off.",
        json_schema_extra={"group": "Compute"},
    )
    workers: int = Field(
        0,
        ge=0,
        description="Threads that read and transform the images; 0 is one a core.",
        json_schema_extra={"group": "Compute"},
    )


class TrainOptions(ComputeOptions):
    """Options of ``train``."""

    devices: int = Field(
        1,
        ge=1,
        description="Processes that share the work of every batch: one a GPU, or parts of the CPU's cores.",
        json_schema_extra={"group": "Compute"},
    )
    compile: bool = Field(
        False,
        description="Let PyTorch's compiler fuse the decoder's passes into fewer kernels; takes a minute at first, and "
        "is left out where it can't be done. For GPUs, where steps that are recorded and repeated have left it little "
        "to gain; on a CPU it is slower.",
        json_schema_extra={"group": "Compute"},
    )
    print_sbatch: bool = Field(
        False,
        description="Print a Slurm job script of this training; create nothing.",
        json_schema_extra={"group": "Compute"},
    )

    outdir: Path = Field(description="Folder of the run.", json_schema_extra={"folder": True})
    epochs: int = Field(50, ge=1, description="Passes over the particles.")
    batch_size: int = Field(1, ge=1, description="Particles a step, of all devices together.")
    learning_rate: float = Field(2e-4, gt=0, description="Step size of AdamW.")
    learning_rate_schedule: Literal["constant", "cosine"] = Field(
        "constant", description="cosine lets the learning rate fall to 0 at the last step."
    )
    weight_decay: float = Field(0.0, ge=0, description="Weight decay of AdamW.")
    seed: int = Field(0, ge=0, le=LARGEST_SEED, description="Seed of weights, order, tilt draws and noise.")

    init_from: Path | None = Field(
        None,
        description="Run whose chosen epoch's weights training begins with: of the same network, or a decoder alone, "
        "which is taken over as the mean volume.",
        json_schema_extra={"group": "Network", "folder": True},
    )
    latent_dim: int = Field(
        128,
        ge=0,
        description="Dimensions of the latent; 0 trains a decoder alone.",
        json_schema_extra={"group": "Network"},
    )
    encoder_a: str = Field(
        "256x3",
        pattern=LAYERS_PATTERN,
        description="Encoder A, per tilt image: nodes x hidden layers.",
        json_schema_extra={"group": "Network", "metavar": LAYERS_METAVAR},
    )
    encoder_a_out: int = Field(
        128,
        ge=1,
        description="Length of what encoder A says about a tilt image.",
        json_schema_extra={"group": "Network"},
    )
    encoder_b: str = Field(
        "256x3",
        pattern=LAYERS_PATTERN,
        description="Encoder B, per particle: nodes x hidden layers.",
        json_schema_extra={"group": "Network", "metavar": LAYERS_METAVAR},
    )
    decoder: str = Field(
        "256x3",
        pattern=LAYERS_PATTERN,
        description="Decoder: nodes x hidden layers.",
        json_schema_extra={"group": "Network", "metavar": LAYERS_METAVAR},
    )
    pooling: Pooling = Field(
        "concatenate",
        description="How the tilt images of a particle are joined; linear has no network for it and solves for the "
        "latent in a space of a few volumes, learned first; none learns every particle's latent by itself, without an "
        "encoder (both for sets too small to train an encoder on).",
        json_schema_extra={"group": "Network"},
    )
    latent_learning_rate: float = Field(
        0.1,
        gt=0,
        description="Step size of the latents where they are learned by themselves (--pooling none).",
        json_schema_extra={"group": "Network"},
    )
    refine_latents: bool = Field(
        True,
        description="Without an encoder: after every epoch, also take each latent to where the loss would be lowest "
        "if the decoder were linear in it (a Gauss-Newton step; its cost grows with --latent-dim).",
        json_schema_extra={"group": "Network"},
    )
    positional_encoding: PositionalEncoding = Field(
        "gaussian", description="Frequencies of the decoder's input.", json_schema_extra={"group": "Network"}
    )
    feature_sigma: float = Field(
        0.5,
        gt=0,
        description="Spread of the Gaussian features, in units of half the box.",
        json_schema_extra={"group": "Network"},
    )

    tilts_per_particle: Literal["auto", "min", "all"] | Annotated[int, Field(ge=1)] = Field(
        "auto",
        description="Tilt images of a particle used at a visit: a number, the poorest particle's (min), or all; "
        "auto is min for concatenate and all for the other poolings.",
        json_schema_extra={"group": "Tilts and weights"},
    )
    tilt_sampling: Literal["random", "sequential"] = Field(
        "random",
        description="Which ones, where not all are used: drawn anew at each visit, or the first in file order.",
        json_schema_extra={"group": "Tilts and weights"},
    )
    dose_mask: bool = Field(
        True,
        description="Leave out frequencies past their optimal dose.",
        json_schema_extra={"group": "Tilts and weights"},
    )
    dose_weight: bool = Field(
        True,
        description="Weight the loss by what the exposure has left of the signal.",
        json_schema_extra={"group": "Tilts and weights"},
    )
    tilt_weight: bool = Field(
        True, description="Weight the loss by the cosine of the tilt.", json_schema_extra={"group": "Tilts and weights"}
    )
    dose_middle: bool = Field(
        False,
        description="Take the dose at the middle of each exposure.",
        json_schema_extra={"group": "Tilts and weights"},
    )
    point_fraction: float = Field(
        1.0,
        gt=0,
        le=1,
        description="Share of a particle's frequencies that a step looks at, drawn anew at each visit by exposure and "
        "CTF and weighted so that the gradient is right in the mean.",
        json_schema_extra={"group": "Tilts and weights"},
    )
    coarse_to_fine: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Share of the run over which the highest frequency looked at grows from a quarter of Nyquist's to "
        "all of it; 0 looks at all from the beginning.",
        json_schema_extra={"group": "Tilts and weights"},
    )
    window: bool = Field(
        True, description="Multiply images by a soft circle.", json_schema_extra={"group": "Tilts and weights"}
    )

    beta: float | None = Field(
        None, ge=0, description="Weight of the KL divergence; 1 / latent dimensions where not given.",
        json_schema_extra={"group": "Objective"},
    )  # fmt: skip
    beta_schedule: Literal["constant", "linear", "cyclical"] = Field(
        "constant",
        description="linear raises beta from 0 over the first half of the run; cyclical does so in four cycles.",
        json_schema_extra={"group": "Objective"},
    )
    kl_target: float | None = Field(
        None,
        gt=0,
        description="Let beta follow the KL divergence so that it settles at this many nats a particle.",
        json_schema_extra={"group": "Objective"},
    )
    spectral_prior: bool | None = Field(
        None,
        description="Learn how strong the volume is at each resolution and keep the decoder from following the noise "
        "there, as a Wiener filter would; on for a decoder alone where not given.",
        json_schema_extra={"group": "Objective"},
    )
    fit_contrast: bool = Field(
        False,
        description="After every epoch, fit how strong each particle is in its images.",
        json_schema_extra={"group": "Objective"},
    )
    refine_poses: bool = Field(
        False,
        description="After every epoch, fit small turns and shifts of each particle; the star's poses stay the start "
        "and are believed to within about 3 degrees and a pixel.",
        json_schema_extra={"group": "Objective"},
    )
    whiten: bool = Field(
        False,
        description="Weight the loss by one over the noise's power at each resolution, as the images of each tilt show "
        "it, and let the encoder see white noise.",
        json_schema_extra={"group": "Objective"},
    )
    focus_mask: Path | None = Field(
        None,
        description="Soft mask (MRC, 0 to 1, the particles' box and pixel size, as maps are written): the loss counts "
        "only what lies in its shadow. Encoders, and the latents that the linear pooling solves for, see whole images.",
        json_schema_extra={"group": "Objective"},
    )
    held_out_fraction: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Share that is not trained on but measured.",
        json_schema_extra={"group": "Objective"},
    )
    held_out_by: Literal["particle", "tilt"] = Field(
        "particle", description="Hold out whole particles, or tilts of each.", json_schema_extra={"group": "Objective"}
    )

    keep: Literal["last", "best"] = Field(
        "last",
        description="Epoch that the run is used at: the last, or the one that fits best what is held out.",
        json_schema_extra={"group": "Objective"},
    )
    patience: int | None = Field(
        None,
        ge=1,
        description="End after so many epochs in which what is held out was not fitted better than before.",
        json_schema_extra={"group": "Objective"},
    )

    parent_selection: Path | None = Field(
        None,
        description="Selection (JSON) that the particles were extracted anew for, where that gave them other names: it "
        "is recorded as what the run came from.",
        json_schema_extra={"group": "Output"},
    )
    store_dtype: StoreType = Field(
        "float16",
        description="Type in which preprocessed images are kept; float16 takes half the space of float32.",
        json_schema_extra={"group": "Output"},
    )
    store_dir: Path | None = Field(
        None,
        description="Folder of the preprocessed images, made once for all runs on the same images; packed-images "
        "beside the run if not given.",
        json_schema_extra={"group": "Output", "folder": True},
    )
    checkpoint_every: int = Field(
        1,
        ge=1,
        description="Keep the checkpoint of every n-th epoch, and of the last.",
        json_schema_extra={"group": "Output"},
    )
    resume: bool = Field(False, description="Continue the run in --outdir.", json_schema_extra={"group": "Output"})
    resume_epoch: int | None = Field(
        None,
        ge=1,
        description="With --resume: go on from this epoch, and train those after it anew.",
        json_schema_extra={"group": "Output"},
    )
    overwrite: bool = Field(False, description="Replace the run in --outdir.", json_schema_extra={"group": "Output"})
    dry_run: bool = Field(
        False,
        description="Say what would be done and what it costs; create nothing.",
        json_schema_extra={"group": "Output"},
    )

    def open(self) -> ParticleSet:
        """Read the particles; see :meth:`DataOptions.open`."""
        if self.parent_selection is not None:
            Selection.load(self.parent_selection)  # refused before anything is read
        return super().open()

    @property
    def store_folder(self) -> Path:
        """Where the packed images are."""
        return self.outdir.absolute().parent / layout.PACKED_IMAGES if self.store_dir is None else self.store_dir

    @property
    def heterogeneous(self) -> bool:
        """Whether particles get latents."""
        return self.latent_dim > 0

    @property
    def base_beta(self) -> float:
        """Weight of the KL divergence before any schedule, 1/|z| where not given."""
        return 1 / max(self.latent_dim, 1) if self.beta is None else self.beta

    @property
    def uses_spectral_prior(self) -> bool:
        """Whether the strength of the volume at each resolution is learned."""
        return not self.heterogeneous if self.spectral_prior is None else self.spectral_prior

    def _refuse_what_needs_latents(self) -> None:
        given = {
            f"--pooling {self.pooling}": self.pooling in ("linear", "none"),
            "--kl-target": self.kl_target,
            "--beta": self.beta,
        }
        for option, value in given.items():
            if value:
                raise InputError(
                    f"{option}: is about latents, and --latent-dim 0 trains a decoder alone; leave one of them out"
                )

    def refuse_without_held_out(self) -> None:
        """Raise where an option looks at what is held out and nothing is."""
        given = {"--keep best": self.keep == "best", "--patience": self.patience is not None}
        for option, value in given.items():
            if value and not self.held_out_fraction:
                raise InputError(f"{option}: looks at what is held out; give --held-out-fraction, for example 0.1")

    def architecture(self, box: int, tilts: int, particles: int) -> Architecture:
        """Return the shape of the model for images of ``box`` px, ``tilts`` concatenated tilt images, and particles."""
        if not self.heterogeneous:
            self._refuse_what_needs_latents()
        if self.pooling == "linear" and self.latent_dim > LARGEST_LINEAR:
            raise InputError(
                f"--latent-dim {self.latent_dim}: is more than --pooling linear can solve for, {LARGEST_LINEAR}; "
                "give 4 to 8, or choose another pooling"
            )
        return Architecture(
            box=box,
            latent_dim=self.latent_dim,
            pooling=self.pooling,
            tilts=tilts if self.pooling == "concatenate" and self.heterogeneous else 0,
            particles=particles if self.pooling == "none" and self.heterogeneous else 0,
            encoder_a=Layers.parse(self.encoder_a, "--encoder-a"),
            encoder_a_out=self.encoder_a_out,
            encoder_b=Layers.parse(self.encoder_b, "--encoder-b"),
            decoder=Layers.parse(self.decoder, "--decoder"),
            positional_encoding=self.positional_encoding,
            feature_sigma=self.feature_sigma,
            seed=self.seed,
        )


class EmbedOptions(ComputeOptions):
    """Options of ``embed``."""

    run: Path = Field(description="Run whose encoder is used.")
    output: Path = Field(description="Latents to write (.npz); a table (.csv) is written beside them.")
    draws: int = Field(
        0,
        ge=0,
        description="Also infer from this many random draws of tilt images, and say how far the latents scatter.",
    )
    draw_tilts: int | None = Field(
        None, ge=1, description="Tilt images a draw; half of the poorest particle's if not given."
    )
    polish: int = Field(
        0,
        ge=0,
        description="Steps that take each latent from what the encoder says to where the decoder fits its images best; "
        "a run without an encoder (--pooling none) takes 8 from 0 where none are given.",
    )
    epoch: int | None = Field(None, ge=1, description="Epoch of the run; the chosen one where not given.")
    overwrite: bool = Field(False, description="Replace output that exists.")
