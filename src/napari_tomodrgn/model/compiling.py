"""Functions that PyTorch's compiler fuses into few kernels where it can, and that run as they are where it can't.

A GPU spends more time on starting small kernels than on their work; the compiler joins what follows a product to it. It
needs a compiler for the device and takes a minute at first, so it is asked for.
"""

import logging
from collections.abc import Callable
from typing import Any, Generic, ParamSpec, TypeVar

import torch

log = logging.getLogger("napari_tomodrgn")
Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class Fusing(Generic[Arguments, Result]):
    """A function of tensors, compiled from the first call on where that was switched on.

    Where compiling it, or the first call, fails, a warning says so, and it runs as it is from then on.
    """

    def __init__(self, function: Callable[Arguments, Result]) -> None:
        self._plain = function
        self._compiled: Any = None
        self.__doc__ = function.__doc__

    def switch(self, on: bool) -> None:
        """Compile the function at its next call, or run it as it is."""
        # sizes differ from step to step, so one program has to serve them all
        self._compiled = torch.compile(self._plain, dynamic=True) if on else None

    @property
    def fused(self) -> bool:
        """Whether calls go to a compiled program."""
        return self._compiled is not None

    def __call__(self, *arguments: Arguments.args, **named: Arguments.kwargs) -> Result:
        """Call the function."""
        if self._compiled is None:
            return self._plain(*arguments, **named)
        try:
            result: Result = self._compiled(*arguments, **named)
        except torch.OutOfMemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - the compiler raises whatever its tools raise
            reason = str(error).strip().splitlines()
            log.warning(
                "%s can't be compiled here (%s: %s); going on without",
                self._plain.__name__,
                type(error).__name__,
                reason[0][:200] if reason else "no reason given",
            )
            self._compiled = None
            return self._plain(*arguments, **named)
        return result
