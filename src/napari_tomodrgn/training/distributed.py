"""Training in several processes, the ranks, each with a part of every batch and the same weights.

What every rank needs of the others is a method of :class:`Ranks`, which stands for a process alone and does nothing;
:class:`ManyRanks` asks the others. PyTorch's launcher (``python -m torch.distributed.run``) starts the processes and
says by the environment which rank each of them is.
"""

import io
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from textwrap import shorten
from typing import TYPE_CHECKING, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from napari_tomodrgn.errors import AbandonedError, InputError, RunError
from napari_tomodrgn.stopping import InterruptedWorkError, StopRequest
from napari_tomodrgn.training.batches import Batch
from napari_tomodrgn.training.device import Compute
from napari_tomodrgn.training.objective import Losses
from napari_tomodrgn.training.spectral_prior import PriorSums, SpectralPrior

if TYPE_CHECKING:
    from torch._C._distributed_c10d import Store
    from torch.distributed import ProcessGroup

STEP_SECONDS = 50  # that ranks wait for each other within a step
GRADIENT_SECONDS = 25  # less than the 30 s after which the launcher kills who waits for a GPU's lost partner
PATIENT = timedelta(hours=12)  # while one rank packs images, writes, or has more to infer than the others
ANSWER_SECONDS = 5.0  # that a rank has to say that it lives, once another one was lost
LAUNCHER = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")  # what it sets

log = logging.getLogger("napari_tomodrgn")
T = TypeVar("T")


class RankLostError(RunError):
    """A rank of this training ended, or no longer answers, without saying why."""

    def __init__(self, who: str, reason: str, when: str = "") -> None:
        super().__init__(f"{who} lost{when} ({reason}); go on with --resume")
        self.who, self.reason = who, reason


class Ranks:
    """A process that trains alone: it has the whole of everything and waits for nobody."""

    rank = 0
    world = 1

    @staticmethod
    def of_environment() -> "Ranks":
        """Return the ranks that the launcher's environment tells of; a process alone where it tells of no other."""
        if any(name not in os.environ for name in LAUNCHER) or int(os.environ["WORLD_SIZE"]) < 2:
            return Ranks()
        return ManyRanks(*(int(os.environ[name]) for name in LAUNCHER[:3]))

    @property
    def first(self) -> bool:
        """Whether this is the rank that writes."""
        return self.rank == 0

    @contextmanager
    def joined(self) -> Iterator[None]:
        """Be connected to the other ranks inside the block."""
        yield

    def compute(self, compute: Compute) -> Compute:
        """Return the computation on this rank's own device."""
        return compute

    def part(self, count: int) -> slice:
        """Return which of ``count`` things are this rank's: contiguous, in order, and none where there are too few."""
        return slice(self.rank * count // self.world, (self.rank + 1) * count // self.world)

    def share(self, batch: Batch) -> Batch:
        """Return this rank's part of a batch, which may be empty."""
        return batch

    def from_first(self, make: Callable[[], T]) -> T:
        """Return what ``make`` returns on the first rank; however long that takes, the others wait."""
        return make()

    def together(self, own: Tensor, count: int) -> Tensor:
        """Return (count, …), on the CPU, of what every rank has its own part (n, …) of."""
        return own

    def losses(self, own: Losses, count: int, stop: StopRequest) -> Losses:
        """Return the losses of a batch of ``count`` particles, of which ``own`` are this rank's part."""
        return own

    def stop_signal(self, stop: StopRequest) -> int | None:
        """Return the signal that asks to stop after this step: with several ranks, what any of them knew by then."""
        return stop.signal

    def sum_gradients(self, model: nn.Module) -> None:
        """Leave the sum of all ranks' gradients in a model's parameters."""

    def own_prior(self, prior: SpectralPrior | None) -> SpectralPrior | None:
        """Return the prior that takes note of what this rank sees in a step."""
        return prior

    def note(self, prior: SpectralPrior | None, own: SpectralPrior | None) -> None:
        """Let a prior take note of what all ranks' own saw in a step."""

    def barrier(self) -> None:
        """Wait for the others, however long they take."""

    def once(self, error: RunError | InterruptedWorkError) -> Exception:
        """Return the error to raise where every rank meets the same one, so that it is said once."""
        return error


class ManyRanks(Ranks):
    """One of several processes that train together.

    Parameters
    ----------
    rank, local_rank
        Number of the process among all, and among those of its computer.
    world
        How many there are.
    """

    def __init__(self, rank: int, local_rank: int, world: int) -> None:
        self.rank, self.local_rank, self.world = rank, local_rank, world
        self._stop_signal: int | None = None
        self._own_prior: SpectralPrior | None = None
        self._store: Store | None = None  # the launcher's, which outlives a rank
        # held here alone, so that nothing keeps a connection open that is to be closed
        self._groups: dict[str, ProcessGroup | None] = {}

    @contextmanager
    def joined(self) -> Iterator[None]:
        """Be connected to the other ranks inside the block; one that leaves it by an error ends them all.

        Raises
        ------
        RankLostError
            Where a rank was lost. One of those left says so, the others raise :class:`AbandonedError`.
        """
        level = log.level
        if not self.first:
            log.setLevel(logging.WARNING)
        try:
            self._connect()
            yield
            self.barrier()
        except BaseException as error:
            self._leave(error)
            raise
        finally:
            self._disconnect()
            log.setLevel(level)

    def _connect(self) -> None:
        if not dist.is_available():
            raise InputError(f"PyTorch {torch.__version__} here can't train in several processes; start one alone")
        from torch._C._distributed_c10d import PrefixStore
        from torch.distributed.rendezvous import rendezvous

        # a wait for a GPU's partner then ends in an error here, and not in the end of the process
        os.environ.setdefault("TORCH_NCCL_BLOCKING_WAIT", "1")
        self._store = next(iter(rendezvous("env://")))[0]
        store = PrefixStore("ranks", self._store)
        dist.init_process_group("gloo", timeout=PATIENT, store=store, rank=self.rank, world_size=self.world)
        self._groups["patient"] = dist.group.WORLD
        self._groups["steps"] = dist.new_group(backend="gloo", timeout=timedelta(seconds=STEP_SECONDS))
        self._groups["gradients"] = self._groups["steps"]
        if torch.cuda.is_available() and dist.is_nccl_available():
            # made here as all ranks have to; without effect until something on a GPU is summed
            self._groups["GPUs"] = dist.new_group(backend="nccl", timeout=timedelta(seconds=GRADIENT_SECONDS))

    def _disconnect(self) -> None:
        self._groups.clear()
        if dist.is_available() and dist.is_initialized():
            with suppress(RuntimeError):
                dist.destroy_process_group()

    def _leave(self, error: BaseException) -> None:
        """Tell the others that this rank ends, and says why itself."""
        if self._store is not None and not isinstance(error, RankLostError | AbandonedError):
            code = getattr(error, "exit_code", 1)
            with suppress(RuntimeError):
                self._store.set(f"ended/{self.rank}", str(code))

    def compute(self, compute: Compute) -> Compute:
        """Return the computation on this rank's own device.

        Raises
        ------
        InputError
            Where its computer has no device left for it.
        """
        refuse_more_than_there_are(int(os.environ.get("LOCAL_WORLD_SIZE", self.local_rank + 1)), compute.device.type)
        if compute.device.type == "cpu":
            return compute
        device = torch.device(compute.device.type, self.local_rank)
        torch.cuda.set_device(device)  # whose peak memory is measured
        self._groups["gradients"] = self._groups.get("GPUs", self._groups["steps"])
        return replace(compute, device=device)

    def share(self, batch: Batch) -> Batch:
        """Return this rank's part of a batch, which may be empty."""
        return batch.part(self.part(len(batch)))

    def from_first(self, make: Callable[[], T]) -> T:
        """Return what ``make`` returns on the first rank, tensors and plain values; the others wait for it."""
        size = torch.zeros(1, dtype=torch.int64)
        memory = io.BytesIO()
        if self.first:
            made = make()
            torch.save(made, memory)
            size[0] = memory.tell()
        self._ask(lambda: dist.broadcast(size, 0, group=self._groups["patient"]))
        sent = torch.zeros(int(size), dtype=torch.uint8)
        if self.first:
            sent = torch.frombuffer(memory.getbuffer(), dtype=torch.uint8)
        self._ask(lambda: dist.broadcast(sent, 0, group=self._groups["patient"]))
        if self.first:
            return made
        received: T = torch.load(io.BytesIO(sent.numpy().tobytes()), map_location="cpu", weights_only=True)
        return received

    def together(self, own: Tensor, count: int) -> Tensor:
        """Return (count, …), on the CPU, of what every rank has its own part (n, …) of."""
        whole = torch.zeros((count, *own.shape[1:]), dtype=own.dtype)
        whole[self.part(count)] = own.cpu()
        return self._sum(whole, "patient")

    def losses(self, own: Losses, count: int, stop: StopRequest) -> Losses:
        """Return the losses of a batch of ``count`` particles, of which ``own`` are this rank's part.

        In the same message every rank tells the others of a signal that it got: all stop after the same step.
        """
        message = torch.zeros(2 * count + self.world, dtype=torch.float64)
        reconstruction, kld, signals = message[:count], message[count : 2 * count], message[2 * count :]
        reconstruction[self.part(count)] = own.reconstruction.cpu().double()
        kld[self.part(count)] = own.kld.cpu().double()
        signals[self.rank] = stop.signal or 0
        self._sum(message, "steps")
        self._stop_signal = int(signals.max()) or None
        return Losses(reconstruction.float(), kld.float())

    def stop_signal(self, stop: StopRequest) -> int | None:
        """Return the signal that any rank told of in this step."""
        return self._stop_signal

    def sum_gradients(self, model: nn.Module) -> None:
        """Leave the sum of all ranks' gradients in a model's parameters; a missing one counts as 0."""
        parameters = list(model.parameters())
        flat = torch.cat([torch.zeros_like(p).flatten() if p.grad is None else p.grad.flatten() for p in parameters])
        self._sum(flat, "gradients")
        begin = 0
        for parameter in parameters:
            end = begin + parameter.numel()
            parameter.grad = flat[begin:end].view_as(parameter)
            begin = end

    def own_prior(self, prior: SpectralPrior | None) -> SpectralPrior | None:
        """Return a prior of the same strength that has seen nothing."""
        if prior is None:
            return None
        if self._own_prior is None or self._own_prior.penalty is not prior.penalty:
            self._own_prior = prior.unseeing()
        self._own_prior.forget()
        return self._own_prior

    def note(self, prior: SpectralPrior | None, own: SpectralPrior | None) -> None:
        """Let a prior take note of what all ranks' own saw in a step."""
        if prior is None or own is None:
            return
        seen = self._sum(torch.stack([own.points, own.power, own.precision]), "gradients")
        prior.note(PriorSums(*seen.unbind(0)))

    def barrier(self) -> None:
        """Wait for the others, however long they take."""
        self._ask(lambda: dist.barrier(self._groups["patient"]))

    def once(self, error: RunError | InterruptedWorkError) -> Exception:
        """Return the error itself on the first rank, on the others one of which nothing is said."""
        return error if self.first else AbandonedError(str(error), error.exit_code)

    def _sum(self, tensor: Tensor, group: str) -> Tensor:
        """Replace a tensor by the sum of all ranks' and return it."""
        self._ask(lambda: dist.all_reduce(tensor, group=self._groups[group]))
        return tensor

    def _ask(self, others: Callable[[], object]) -> None:
        """Do what needs all ranks, or find out who no longer answers."""
        try:
            others()
            return
        except RuntimeError as error:
            reason = _reason(error)
        # only here, as the error held the connections, which are closed next
        raise self._failure(reason)

    def _failure(self, reason: str) -> RunError | AbandonedError:
        """Return the error to raise where a connection broke: of the lost rank, once, or nothing where one said why.

        Ranks that live meet at the launcher's store. The one with the lowest number speaks for them.
        """
        assert self._store is not None
        try:
            self._store.set(f"alive/{self.rank}", "1")
            self._disconnect()  # so that ranks which wait for this one come here too
            limit = time.monotonic() + ANSWER_SECONDS
            while (silent := self._silent(self._store)) and time.monotonic() < limit:
                time.sleep(0.1)
            ended = [rank for rank in range(self.world) if self._store.check([f"ended/{rank}"])]
            if ended:
                code = int(self._store.get(f"ended/{ended[0]}"))
                return AbandonedError(f"rank {ended[0]} of {self.world} gave up; what it said is in its output", code)
            alive = [rank for rank in range(self.world) if rank not in silent]
        except RuntimeError:
            return RankLostError(f"the launcher that rank {self.rank} of {self.world} was started by was", reason)
        if self.rank != alive[0]:
            return AbandonedError("another rank was lost", RunError.exit_code)
        if not silent:
            return RankLostError(f"the connection between the {self.world} ranks was", reason)
        names = ", ".join(map(str, silent))
        verb = "rank {} of {} was" if len(silent) == 1 else "ranks {} of {} were"
        return RankLostError(verb.format(names, self.world), reason)

    def _silent(self, store: "Store") -> list[int]:
        """Return the ranks that have neither met the same failure nor said why they ended."""
        return [
            rank
            for rank in range(self.world)
            if rank != self.rank and not (store.check([f"alive/{rank}"]) or store.check([f"ended/{rank}"]))
        ]


def refuse_more_than_there_are(processes: int, kind: str) -> None:
    """Raise where more processes are to train on this computer than it has devices of a kind; CPUs take any number."""
    if kind == "mps":
        raise InputError("--device mps: can't be trained on by several processes; leave out --devices, or use the CPU")
    there = torch.cuda.device_count()
    if kind == "cuda" and processes > there:
        raise InputError(
            f"--devices {processes}: there {'is' if there == 1 else 'are'} {there} GPU{'s' * (there > 1)} here; "
            f"give {there}, or add --device cpu"
        )


ALONE = Ranks()


def _reason(error: RuntimeError) -> str:
    text = " ".join(str(error).split())
    if "closed" in text or "reset" in text.lower():
        return "its connection was closed"
    if "timed out" in text.lower() or "timeout" in text.lower():
        return "it did not answer in time"
    return shorten(text, 200, placeholder=" …")
