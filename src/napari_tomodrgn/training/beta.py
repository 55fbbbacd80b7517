"""The weight of the KL divergence while a training goes on."""

import math
from dataclasses import dataclass

from napari_tomodrgn.training.options import TrainOptions

CYCLES = 4
RAMP = 0.5  # the share of the run (linear) or of a cycle (cyclical) in which beta rises
GAIN = 0.01  # largest relative change of the controlled beta in one step
MEMORY = 0.9  # of the running mean of the KL divergence
LIMITS = (1e-6, 1e6)  # of the controlled beta, relative to where it starts


@dataclass
class BetaController:
    """Beta by schedule, or controlled towards a KL target.

    ``linear`` raises beta from 0 over the first half of the run; ``cyclical`` repeats that four times (Fu et al.
    2019). With a target, beta starts at its base value and is multiplied after every step by
    exp(0.01 clip((KL - target) / target, -1, 1)), KL being a running mean over steps: an integral controller on
    log beta, the slow half of ControlVAE's (Shao et al. 2020), which needs no tuning to the size of the loss.
    """

    base: float
    schedule: str = "constant"
    target: float | None = None
    factor: float = 1.0
    running_kld: float = math.nan

    @classmethod
    def of(cls, options: TrainOptions) -> "BetaController":
        """Return the controller that the options ask for."""
        return cls(options.base_beta, options.beta_schedule, options.kl_target)

    def value(self, progress: float) -> float:
        """Return beta at a share 0 … 1 of the run."""
        if self.schedule == "linear":
            return self.base * self.factor * min(1.0, progress / RAMP)
        if self.schedule == "cyclical":
            return self.base * self.factor * min(1.0, (progress * CYCLES) % 1.0 / RAMP)
        return self.base * self.factor

    def observe(self, kld: float) -> None:
        """Take note of a step's KL divergence in nats a particle."""
        if self.target is None:
            return
        started = not math.isnan(self.running_kld)
        self.running_kld = MEMORY * self.running_kld + (1 - MEMORY) * kld if started else kld
        error = max(-1.0, min(1.0, (self.running_kld - self.target) / self.target))
        self.factor = min(LIMITS[1], max(LIMITS[0], self.factor * math.exp(GAIN * error)))

    def state(self) -> dict[str, float]:
        """Return what changes, for a checkpoint."""
        return {"factor": self.factor, "running_kld": self.running_kld}

    def restore(self, state: dict[str, float]) -> None:
        """Take back what :meth:`state` returned."""
        self.factor, self.running_kld = state["factor"], state["running_kld"]
