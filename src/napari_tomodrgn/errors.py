"""What can go wrong, as one sentence each.

An :class:`InputError` is raised where a user's input enters: it names the file, the row or the option, what was
found, what was expected, and what to do. Inside the program types are trusted.
"""


class InputError(Exception):
    """A file, option or existing output that the program can't work with (exit code 2)."""

    exit_code = 2


class RunError(Exception):
    """Work that began and could not be finished: disk full, out of memory, NaN loss (exit code 1)."""

    exit_code = 1


class AbandonedError(Exception):
    """Work of several processes that this one gave up because another did, which says why; this one says nothing."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code
