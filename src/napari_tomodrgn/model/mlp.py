"""The perceptron that every part of the network is made of."""

from torch import Tensor, nn
from torch.nn import functional


class ResidualMLP(nn.Module):
    """``Linear → ReLU → n × [Linear + skip → ReLU] → Linear``."""

    def __init__(self, inputs: int, width: int, layers: int, outputs: int) -> None:
        super().__init__()
        self.first = nn.Linear(inputs, width)
        self.hidden = nn.ModuleList(nn.Linear(width, width) for _ in range(layers))
        self.last = nn.Linear(width, outputs)

    def forward(self, values: Tensor) -> Tensor:
        """Return (..., outputs) for (..., inputs)."""
        return self.after_first(self.first(values))

    def after_first(self, values: Tensor) -> Tensor:
        """Return (..., outputs) for what the first layer says, (..., width)."""
        values = functional.relu(values)
        for layer in self.hidden:
            values = functional.relu(layer(values) + values)
        result: Tensor = self.last(values)
        return result

    @property
    def multiplications(self) -> int:
        """Multiply-accumulate operations of one forward pass of one row."""
        linear = (self.first, *self.hidden, self.last)
        return sum(layer.weight.numel() for layer in linear)
