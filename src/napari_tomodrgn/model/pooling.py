"""From what encoder A says about each tilt image to what encoder B is told about the particle."""

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_tomodrgn.model.architecture import Pooling

HEADS = 4


@dataclass(frozen=True)
class Layout:
    """Where the n tilt images of B particles stand in a table (B, T), on a device.

    Attributes
    ----------
    counts
        (B,) int64.
    real
        (B, T) bool: where there is an image.
    place
        (n,) int64: where each image stands in the flattened table.
    """

    counts: Tensor
    real: Tensor
    place: Tensor


@lru_cache(maxsize=64)
def layout_of(counts: tuple[int, ...], device: torch.device) -> Layout:
    """Return the layout of particles with so many images each: worked out once, as batches are often alike."""
    number = torch.tensor(counts)
    real = torch.arange(int(number.max())) < number[:, None]
    parts = (number, real, real.flatten().nonzero().flatten())
    return Layout(*(each.to(device, non_blocking=True) for each in parts))


def pad(values: Tensor, counts: Tensor) -> tuple[Tensor, Layout]:
    """Lay ragged rows (n, d), ``counts`` (B,) of them a particle, out as (B, T, d); ``counts`` are on the CPU."""
    layout = layout_of(tuple(counts.tolist()), values.device)
    padded = values.new_zeros(layout.real.numel(), values.shape[-1])
    padded[layout.place] = values
    return padded.view(*layout.real.shape, -1), layout


class Concatenate(nn.Module):
    """The tilt images one after the other; every particle has the same number."""

    def forward(self, values: Tensor, counts: Tensor) -> Tensor:
        """Return (B, T d) for (B T, d)."""
        return values.reshape(len(counts), -1)


class Mean(nn.Module):
    """The mean over a particle's tilt images."""

    def forward(self, values: Tensor, counts: Tensor) -> Tensor:
        """Return (B, d) for (n, d)."""
        padded, layout = pad(values, counts)
        return padded.sum(1) / layout.counts[:, None]


class Max(nn.Module):
    """The largest value over a particle's tilt images, feature by feature."""

    def forward(self, values: Tensor, counts: Tensor) -> Tensor:
        """Return (B, d) for (n, d)."""
        padded, layout = pad(values, counts)
        return padded.masked_fill(~layout.real[..., None], -torch.inf).amax(1)


class Median(nn.Module):
    """The median over a particle's tilt images, feature by feature; of an even number the mean of the middle two."""

    def forward(self, values: Tensor, counts: Tensor) -> Tensor:
        """Return (B, d) for (n, d)."""
        padded, layout = pad(values, counts)
        ordered = padded.masked_fill(~layout.real[..., None], torch.inf).sort(1).values
        middle = torch.stack([(layout.counts - 1) // 2, layout.counts // 2], dim=1)
        return ordered.gather(1, middle[..., None].expand(-1, -1, values.shape[-1])).mean(1)


class AttentionBlock(nn.Module):
    """Multi-head attention with a feed-forward layer, the MAB of the set transformer (Lee et al. 2019, eq. 6-7)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = HEADS if width % HEADS == 0 else 1
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.out = nn.Linear(width, width)
        self.norm_attention, self.norm_out = nn.LayerNorm(width), nn.LayerNorm(width)

    def forward(self, queries: Tensor, items: Tensor, real: Tensor) -> Tensor:
        """Return (B, Q, d) for queries (B, Q, d) that look at the real ones (B, T) of items (B, T, d)."""
        query, key, value = (
            layer(source).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for layer, source in ((self.query, queries), (self.key, items), (self.value, items))
        )
        seen = functional.scaled_dot_product_attention(query, key, value, attn_mask=real[:, None, None, :])
        attended: Tensor = self.norm_attention(queries + seen.transpose(1, 2).flatten(2))
        result: Tensor = self.norm_out(attended + functional.relu(self.out(attended)))
        return result


class Attention(nn.Module):
    """A set transformer: the tilt images look at each other, then one learned seed looks at them all."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.among_tilts = AttentionBlock(width)
        self.by_seed = AttentionBlock(width)
        self.seed = nn.Parameter(torch.randn(1, 1, width) * width**-0.5)

    def forward(self, values: Tensor, counts: Tensor) -> Tensor:
        """Return (B, d) for (n, d)."""
        padded, layout = pad(values, counts)
        tilts = self.among_tilts(padded, padded, layout.real)
        pooled: Tensor = self.by_seed(self.seed.to(tilts.dtype).expand(len(counts), -1, -1), tilts, layout.real)
        return pooled[:, 0]


def pooling(kind: Pooling, width: int) -> nn.Module:
    """Return the module that pools features of this width."""
    if kind == "attention":
        return Attention(width)
    return {"concatenate": Concatenate, "mean": Mean, "max": Max, "median": Median}[kind]()
