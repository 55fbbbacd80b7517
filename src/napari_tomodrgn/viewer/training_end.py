"""How a training ended, in a sentence, from its exit code and what it said."""

import signal
from collections.abc import Sequence
from pathlib import Path

PROGRAM = "napari-tomodrgn: "
STOPPED = (128 + signal.SIGINT, 128 + signal.SIGTERM)


def sentence_of_end(code: int, run: Path, errors: Sequence[str], log: str) -> str:
    """Return how a training ended.

    Parameters
    ----------
    code
        The exit code; below 0 it is the signal that ended the process.
    run
        Its folder.
    errors
        Its sentences on what went wrong.
    log
        All that it has said.
    """
    if code == 0:
        return f"{run}: the training is finished"
    if code < 0:
        name = signal.Signals(-code).name if -code in {each.value for each in signal.Signals} else f"signal {-code}"
        return (
            f"{run}: the training was ended by {name} from outside, which is how systems act when memory runs out; "
            "what its epochs have written is whole, and Resume goes on from there"
        )
    if code in STOPPED:
        said = [line.removeprefix(PROGRAM) for line in log.splitlines() if line.startswith(PROGRAM)]
        last = said[-1] if said else f"{run}: stopped; go on with --resume"
        return last.replace("go on with --resume", "Resume goes on from there")
    if errors:
        return "\n".join(errors)
    return f"{run}: the training ended with code {code} without saying why; the last lines of its log may tell"
