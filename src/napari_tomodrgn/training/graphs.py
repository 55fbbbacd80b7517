"""Training steps that a GPU has recorded and repeats, as asking for one takes longer than doing it.

A step is some hundred small kernels, and the host needs 10 microseconds or more to launch each: at one particle a step
a GPU would be idle most of the time. A CUDA graph launches them all at once. It repeats the same operations on the same
memory, so what changes from step to step is copied to where it was, and steps of another shape (images of each
particle; points, rounded up) are recorded anew.
"""

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from napari_tomodrgn.imaging.lattice import Lattice
from napari_tomodrgn.model.linear_encoder import LinearEncoder
from napari_tomodrgn.model.pooling import Layout, layout_of
from napari_tomodrgn.model.vae import VAE
from napari_tomodrgn.training.objective import Losses, gradient_of_batch
from napari_tomodrgn.training.points import BatchImages, Numbering

MOST_SHAPES = 24  # that are recorded; steps of others are done as they come
MOST_BYTES = 1 << 31  # that inputs and gradients of recorded steps take
IDLE = 500  # steps after which a recorded one makes room for another
MOST_PARTICLES = 32  # of a step that is recorded: larger ones keep a GPU busy by themselves
MOST_REMEMBERED = 4096  # shapes that were met
STEPS_AN_OCTAVE = 16  # of the numbers that numbers of points are rounded up to: between a 16th and a 32nd more
ROUNDING = 256  # of the most points that an image has
log = logging.getLogger("napari_tomodrgn")
Replay = Callable[[], object]
Record = Callable[[Callable[[], Losses]], tuple[Losses, Replay]]
Shape = tuple[object, ...]


def cuda_recorder() -> Record:
    """Return what records work as a CUDA graph, and returns the work's result and what repeats it in its place."""
    pool = torch.cuda.graph_pool_handle()  # of all graphs, as one runs after the other

    def record(work: Callable[[], Losses]) -> tuple[Losses, Replay]:
        graph, stream = torch.cuda.CUDAGraph(), torch.cuda.current_stream()
        try:
            # the next step's images are on their way in a thread of their own meanwhile
            with torch.cuda.graph(graph, pool=pool, capture_error_mode="thread_local"):
                result = work()
        finally:
            torch.cuda.set_stream(stream)  # where recording fails, PyTorch leaves its own in place
        return result, graph.replay

    return record


@dataclass(frozen=True)
class StepInputs:
    """What changes from step to step, on the device: images whose numbering is given, and the rest of the arguments."""

    images: BatchImages
    beta: Tensor  # ()
    normal: Tensor
    posterior: tuple[Tensor, Tensor] | None
    particles: Tensor | None

    @classmethod
    def of(
        cls,
        images: BatchImages,
        beta: float,
        normal: Tensor,
        posterior: tuple[Tensor, Tensor] | None,
        particles: Tensor | None,
    ) -> "StepInputs":
        """Take the inputs of a step; its points are filled up so that few numbers of them occur."""
        octave = max(int(images.kept.sum()), STEPS_AN_OCTAVE).bit_length() - 1
        still = replace(images, given=Numbering.of(images, (1 << octave) // STEPS_AN_OCTAVE, ROUNDING))
        on_device = torch.full((), beta, dtype=torch.float32, device=images.pairs.device)
        return cls(still, on_device, normal, posterior, particles)

    @property
    def tensors(self) -> list[Tensor]:
        """All of them, in an order that depends on which there are alone."""
        assert self.images.given is not None
        first = [self.images.given.table, self.images.pairs, self.beta, self.normal]
        others = [] if self.particles is None else [self.particles]
        return [*first, *self.images.tilts.tensors.values(), *(self.posterior or ()), *others]

    @property
    def shape(self) -> Shape:
        """What two steps have in common where the one can be the other's repetition."""
        given = self.images.given
        assert given is not None
        sizes = tuple(tuple(each.shape) for each in self.tensors)
        return (tuple(self.images.counts.tolist()), given.total, given.highest, sizes)

    def copied(self) -> "StepInputs":
        """Return the same in memory of their own."""
        images, posterior = self.images, self.posterior
        assert images.given is not None
        tilts = replace(images.tilts, **{name: each.clone() for name, each in images.tilts.tensors.items()})
        given = replace(images.given, table=images.given.table.clone())
        return StepInputs(
            replace(images, tilts=tilts, pairs=images.pairs.clone(), given=given),
            self.beta.clone(),
            self.normal.clone(),
            None if posterior is None else (posterior[0].clone(), posterior[1].clone()),
            None if self.particles is None else self.particles.clone(),
        )


@dataclass(frozen=True)
class RecordedStep:
    """A step that can be repeated: what it reads, and where it leaves losses and the gradient of each parameter."""

    inputs: StepInputs
    layout: Layout  # read by poolings, whose cache may forget it
    replay: Replay
    losses: Losses
    gradients: list[tuple[torch.nn.Parameter, Tensor | None]]

    @property
    def bytes(self) -> int:
        """What is kept for it, but for what all have in common."""
        kept = [*self.inputs.tensors, *(gradient for _, gradient in self.gradients if gradient is not None)]
        return sum(each.numel() * each.element_size() for each in kept)

    def repeat(self, inputs: StepInputs) -> Losses:
        """Leave the gradient for other inputs of the same shape in the model's parameters; return the losses."""
        torch._foreach_copy_(self.inputs.tensors, inputs.tensors)  # a kernel a type
        self.replay()
        for parameter, gradient in self.gradients:
            parameter.grad = gradient
        return Losses(self.losses.reconstruction.clone(), self.losses.kld.clone())


class StepGraphs:
    """Does what :func:`gradient_of_batch` does, from the second step of a shape on by repeating a recorded one."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._recorded: dict[Shape, RecordedStep] = {}
        self._last: dict[Shape, int] = {}  # the step at which each was repeated last
        self._met: Counter[Shape] = Counter()
        self._fixed: dict[str, Any] = {}  # what steps were recorded with
        self._step = 0
        self.works = True  # as far as is known
        self.repeated = 0  # steps

    def __call__(
        self,
        model: VAE,
        images: BatchImages,
        lattice: Lattice,
        *,
        beta: float,
        normal: Tensor,
        posterior: tuple[Tensor, Tensor] | None = None,
        particles: Tensor | None = None,
        of: int,
        **settings: Any,
    ) -> Losses:
        """Leave the gradient of a batch in the model's parameters, and return what its particles cost.

        A recorded step is of the model and the ``settings`` that it was recorded with; with others, nothing is
        repeated.
        """
        fixed = {"model": model, "lattice": lattice, **settings}
        self._step += 1
        if self._suits(images, posterior, fixed):
            inputs = StepInputs.of(images, beta, normal, posterior, particles)
            shape = (*inputs.shape, of)
            if self._is_worth_it(shape):
                self._add(shape, inputs, {**fixed, "of": of})
            if shape in self._recorded:
                self.repeated += 1
                self._last[shape] = self._step
                return self._recorded[shape].repeat(inputs)
        changing: dict[str, Any] = {"beta": beta, "normal": normal, "posterior": posterior, "particles": particles}
        return gradient_of_batch(images=images, **fixed, **changing, of=of)

    def _suits(self, images: BatchImages, posterior: tuple[Tensor, Tensor] | None, fixed: dict[str, Any]) -> bool:
        """Return whether a step can be repeated: its work depends on nothing but the inputs, and the host is slow."""
        if not self._fixed:
            self._fixed = fixed
            if fixed["block_size"] is not None:
                fixed["block_size"].give_back = self.give_back
        same = all(self._fixed[name] is value for name, value in fixed.items())
        every_point = fixed["drawn"] is None and fixed["weighting"].focus is None
        on_cpu = isinstance(fixed["model"].encoder, LinearEncoder) and posterior is None
        return self.works and same and every_point and not on_cpu and len(images.counts) <= MOST_PARTICLES

    def _is_worth_it(self, shape: Shape) -> bool:
        """Return whether a step is to be recorded: of a shape that came before, where there is room for it."""
        if len(self._met) > MOST_REMEMBERED:
            self._met.clear()
        self._met[shape] += 1
        if shape in self._recorded or self._met[shape] == 1:
            return False
        full = sum(each.bytes for each in self._recorded.values()) >= MOST_BYTES
        if full or len(self._recorded) >= MOST_SHAPES:
            oldest = min(self._recorded, key=lambda each: self._last[each])
            if self._step - self._last[oldest] < IDLE:
                return False
            del self._recorded[oldest]
        return True

    def give_back(self) -> bool:
        """Repeat no step any more, where any was recorded; return whether that gave memory back."""
        given = bool(self._recorded)
        self._recorded.clear()
        self.works = self.works and not given
        if given:
            log.warning("memory is short; going on without recorded steps")
        return given

    def _add(self, shape: Shape, inputs: StepInputs, fixed: dict[str, Any]) -> None:
        """Record a step; where that fails, or memory is short, none is repeated from then on."""
        model, size = fixed["model"], fixed["block_size"]
        try:
            own = inputs.copied()
            changing: dict[str, Any] = {
                "beta": own.beta,
                "normal": own.normal,
                "posterior": own.posterior,
                "particles": own.particles,
                "block_size": None if size is None else size.strict(),
            }
            # before the recording, which may copy nothing from the host
            layout = layout_of(tuple(own.images.counts.tolist()), own.images.pairs.device)
            losses, replay = self._record(lambda: gradient_of_batch(images=own.images, **{**fixed, **changing}))
        except Exception as error:  # noqa: BLE001 - libraries raise what they like where something can't be recorded
            reason = str(error).strip().splitlines()
            log.warning(
                "steps can't be recorded here (%s: %s); going on without",
                type(error).__name__,
                reason[0][:200] if reason else "no reason given",
            )
            self.works = False
            self._recorded.clear()  # which hold memory
            model.zero_grad(set_to_none=True)
            return
        gradients = [(parameter, parameter.grad) for parameter in model.parameters()]
        self._recorded[shape] = RecordedStep(own, layout, replay, losses, gradients)
