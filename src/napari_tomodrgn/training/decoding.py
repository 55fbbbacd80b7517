"""What it costs particles' volumes to disagree with their tilt images, and the gradient of that, block by block.

On a CPU every core takes whole blocks of one particle's points, small enough for its cache; elsewhere blocks are large
and hold many particles, as many kernels are launched as one block needs, and the host waits for none of them.
"""

import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from torch import Tensor

from napari_tomodrgn.errors import RunError
from napari_tomodrgn.imaging.lattice import Lattice
from napari_tomodrgn.model.decoder import Decoder
from napari_tomodrgn.model.decoder_gradient import DecodedPoints, DecoderWeights, GradientSums, leave_gradient
from napari_tomodrgn.training.device import Compute
from napari_tomodrgn.training.drawing import DrawnPoints
from napari_tomodrgn.training.points import (
    BatchImages,
    Block,
    NumberedPoints,
    Points,
    Weighting,
    blocks_of,
    blocks_of_images,
    dealt,
    numbered,
    points_of,
    shares,
)
from napari_tomodrgn.training.spectral_prior import SpectralPrior
from napari_tomodrgn.training.workers import in_threads

POINTS_PER_BLOCK = {"cpu": 3200, "mps": 1 << 17, "cuda": 1 << 18}  # of a decoder 256 wide
Result = TypeVar("Result")
log = logging.getLogger("napari_tomodrgn")
MOST_IN_TURNS = 64
MULTIPLE = {"cpu": 128, "mps": 1, "cuda": 1}  # oneDNN makes a program for every shape it meets


class BlockSize:
    """How many points are decoded at once; halved, once, where the memory of the device does not suffice.

    The result stays the same: blocks are added up whatever their size.
    """

    def __init__(self, compute: Compute) -> None:
        self._device, self._halved = compute.device, False
        self.give_back: Callable[[], bool] = lambda: False
        """Called where memory is short, before anything is halved: returns whether some was given back."""

    def strict(self) -> "BlockSize":
        """Return the same size, which lets it be known where memory is short."""
        same = Unhalved(Compute(self._device, "off"))
        same._halved = self._halved
        return same

    def points(self, width: int) -> int:
        """Return the points of a block: the fewer, the wider the decoder, as activations should take the same space."""
        points = POINTS_PER_BLOCK[self._device.type] * 256 // min(max(width, 64), 1024)
        return max(points // 2 if self._halved else points, 1)

    def within_memory(self, work: Callable[[], Result]) -> Result:
        """Return what ``work`` does, done again with half as many points where memory was short.

        Raises
        ------
        RunError
            Where it is short again.
        """
        try:
            return work()
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            if self.give_back():
                torch.cuda.empty_cache()
                return self.within_memory(work)
            if self._halved:
                raise RunError(
                    f"out of memory on {self._device} with half as many points at a time, too; free some, or train "
                    "with a smaller --decoder or --batch-size; the last checkpoint is whole, go on with --resume"
                ) from error
        log.warning("out of memory on %s; going on with half as many points at a time", self._device)
        self._halved = True
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        return self.within_memory(work)


class Unhalved(BlockSize):
    """A size that stays."""

    def within_memory(self, work: Callable[[], Result]) -> Result:
        """Return what ``work`` does."""
        return work()


def is_out_of_memory(error: Exception) -> bool:
    """Return whether an error says that memory is short: a GPU's, Python's, or PyTorch's on a CPU."""
    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or "can't allocate memory" in str(error)


class Decoding:
    """A decoder at the precision of the computation, asked at the points of batches."""

    def __init__(
        self,
        decoder: Decoder,
        lattice: Lattice,
        weighting: Weighting,
        compute: Compute,
        block_size: BlockSize | None = None,
    ) -> None:
        self.decoder, self.lattice, self.weighting, self.compute = decoder, lattice, weighting, compute
        self._block_size = block_size or BlockSize(compute)
        self.weights = DecoderWeights.of(decoder, compute.dtype)

    @property
    def points_per_block(self) -> int:
        """How many points are decoded at once."""
        return self._block_size.points(self.decoder.mlp.first.out_features)

    def losses(self, images: BatchImages, latent_input: Tensor | None) -> Tensor:
        """Return each particle's mean squared disagreement (B,), given what latents add to the first layer."""
        parts = self._block_size.within_memory(lambda: self._shares(images, latent_input))
        return torch.stack([part.losses for part in parts]).sum(0)

    def gradient(
        self,
        images: BatchImages,
        latent_input: Tensor | None,  # (B, width)
        factor: float | Tensor,
        prior: SpectralPrior | None = None,
        drawn: DrawnPoints | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """Return losses (B,) and the gradient (B, width) of ``factor`` x their sum with respect to the latent input.

        That of the decoder's weights is left in its parameters. Where points were ``drawn``, they stand for all.
        """
        parts = self._block_size.within_memory(lambda: self._shares(images, latent_input, factor, prior, drawn))
        for part in parts:
            if prior is not None and part.prior_sums is not None:
                prior.note(part.prior_sums)
        leave_gradient(self.decoder, [part.sums for part in parts if part.sums is not None])
        losses = torch.stack([part.losses for part in parts]).sum(0)
        latent = [part.latent for part in parts if part.latent is not None]
        return losses, torch.stack(latent).sum(0) if latent else None

    def _shares(
        self,
        images: BatchImages,
        latent_input: Tensor | None,
        factor: float | Tensor | None = None,
        prior: SpectralPrior | None = None,
        drawn: DrawnPoints | None = None,
    ) -> list["_Share"]:
        """Return what each worker adds up."""
        kind = self.compute.device.type
        on_host = kind == "cpu" and images.given is None
        per_point = torch.tensor(shares(images)) if on_host else images.numbering.shares
        blocks, cores = self._blocks(images, drawn), torch.get_num_threads() if kind == "cpu" else 1
        points = self._points(images, drawn)

        @torch.no_grad()
        def work(blocks: Sequence[Block]) -> _Share:
            share = _Share(self, images, points, per_point, latent_input, factor, prior)
            for block in blocks:
                share.add(block)
            return share

        return in_threads(work, dealt(blocks, max(1, min(cores, len(blocks)))))

    def _blocks(self, images: BatchImages, drawn: DrawnPoints | None) -> list[Block]:
        size, on_cpu = self.points_per_block, self.compute.device.type == "cpu"
        cores = torch.get_num_threads() if on_cpu else 1
        if images.given is not None:
            # which points are whose is known on the device alone
            cuts = range(0, images.given.total, size)
            everyone = range(images.given.particles)
            return [Block(begin, min(begin + size, images.given.total), everyone) for begin in cuts]
        if self.weighting.focus is not None:
            assert drawn is None  # refused where options are read
            return blocks_of_images(images, size, one_particle=on_cpu, at_least=cores)
        edges = images.edges if drawn is None else drawn.edges
        return blocks_of(edges, size, one_particle=on_cpu, at_least=cores)

    def _points(self, images: BatchImages, drawn: DrawnPoints | None) -> Callable[[Block], Points]:
        """Return what tells the points of a block."""
        multiple = MULTIPLE[self.compute.device.type]
        if drawn is not None:
            return lambda block: drawn.of_block(images, block, self.lattice, multiple)
        on_device = images.given is not None or self.compute.device.type != "cpu"
        if on_device and self.weighting.focus is None:
            with torch.no_grad():
                return NumberedPoints(images, self.lattice, self.weighting)
        return lambda block: points_of(images, block, self.lattice, self.weighting, multiple)


def sums_by_owner(values: Tensor, owner: Tensor, owners: int) -> Tensor:
    """Return the sums (owners,) of values (m,) of the same ``owner`` (m,).

    Few owners are summed in turns: a GPU's threads that all add to the same few numbers wait for each other.
    """
    if owners > MOST_IN_TURNS:
        return values.new_zeros(owners).index_add_(0, owner, values)
    return torch.where(owner == torch.arange(owners, device=owner.device)[:, None], values, 0).sum(1)


class _Share:
    """What one worker adds up over its blocks.

    Attributes
    ----------
    losses
        (B,) of all particles.
    sums, latent
        Gradients of the decoder's weights and of the latent input (B, width), where a gradient is asked for.
    """

    def __init__(
        self,
        decoding: Decoding,
        images: BatchImages,
        points: Callable[[Block], Points],
        per_point: Tensor,  # (B,) one over the number of points of each particle
        latent_input: Tensor | None,
        factor: float | Tensor | None,
        prior: SpectralPrior | None,
    ) -> None:
        self._decoding, self._images, self._points, self._per_point = decoding, images, points, per_point
        self._latent_input, self._factor, self._prior = latent_input, factor, prior
        self.losses = torch.zeros_like(per_point)
        self.sums = None if factor is None else GradientSums(decoding.weights)
        self.latent = None if factor is None or latent_input is None else torch.zeros_like(latent_input)
        self.prior_sums = None if factor is None or prior is None else prior.sums()

    def add(self, block: Block) -> None:
        """Decode the points of a block, and add its losses and gradient."""
        decoding, own, points = self._decoding, block.rows, self._points(block)
        share = self._per_point[own] if points.owner is None else self._per_point[own][points.owner]
        weight = points.weight * share
        latent_input = None if self._latent_input is None else self._latent_input[own]
        decoded = DecodedPoints(decoding.weights, points.k3, latent_input, points.owner)
        real, imaginary = points.transfer * decoded.real, points.transfer * decoded.imaginary
        real -= points.real
        imaginary -= points.imaginary
        precision = points.weight
        if decoding.weighting.focus is None:
            error = weight * (real * real + imaginary * imaginary)
        else:
            inside_real, inside_imaginary, seen = self._focused(block, points.weight, real, imaginary)
            error = share * (real * inside_real + imaginary * inside_imaginary)
            real, imaginary, weight, precision = inside_real, inside_imaginary, share, points.weight * seen
        if points.owner is None:
            self.losses[own] += error.sum()
        else:
            self.losses[own] += sums_by_owner(error, points.owner, len(block.particles))
        if self.sums is None or self._factor is None:
            return
        slope = 2 * self._factor * weight * points.transfer
        real *= slope
        imaginary *= slope
        if self._prior is not None and self.prior_sums is not None:
            counted, shell = points.stands_for, self._prior.shells(points.k3)
            penalty = 2 * self._factor * share * counted * self._prior.penalties(shell)
            real += penalty * decoded.real
            imaginary += penalty * decoded.imaginary
            power = decoded.real**2 + decoded.imaginary**2
            self.prior_sums.add(shell, counted, power, precision * points.transfer**2)
        decoded.backward(real, imaginary, self.sums, None if self.latent is None else self.latent[own])

    def _focused(self, block: Block, weight: Tensor, real: Tensor, imaginary: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return √w A √w times the residuals (m,) of a block of whole images, and the share of its image each sees."""
        focus = self._decoding.weighting.focus
        assert focus is not None
        own, image, point = numbered(self._images, block)
        root, there = weight.sqrt(), len(block)
        residual = torch.complex(root * real, root * imaginary)[:there]
        inside, seen = focus.within(residual, image, point, self._images.tilts.rotation[own])
        idle = (0, len(weight) - there)  # what only fills the block has no weight
        inside_real, inside_imaginary, seen = (
            torch.nn.functional.pad(each, idle) for each in (inside.real, inside.imag, seen)
        )
        return root * inside_real, root * inside_imaginary, seen
