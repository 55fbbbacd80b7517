"""Starting a training in several processes: on this computer, or by a Slurm job script that is printed."""

import logging
import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from napari_tomodrgn.cli.options import words_of
from napari_tomodrgn.errors import InputError, RunError
from napari_tomodrgn.progress import is_quiet
from napari_tomodrgn.runs import layout
from napari_tomodrgn.training.options import TrainOptions

if TYPE_CHECKING:
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

LAUNCHERS_OWN = {"devices", "print_sbatch"}
PROGRAM = ("-m", "napari_tomodrgn", "train")
GRACE_SECONDS = 50  # for a checkpoint to be written after a signal; older versions of PyTorch leave 30

log = logging.getLogger("napari_tomodrgn")


def launch(options: TrainOptions) -> int:
    """Train in ``options.devices`` processes of this computer and return the exit code.

    What ``python -m torch.distributed.run`` does is done in this process, so that the exit code of the training is not
    lost and what the training said is not followed by a traceback.

    Raises
    ------
    InputError
        Where there are fewer devices, or a launcher started this process.
    RunError
        Where a process was ended from outside.
    """
    from torch.distributed import run as launcher
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    from napari_tomodrgn.training.device import choose_compute
    from napari_tomodrgn.training.distributed import refuse_more_than_there_are
    from napari_tomodrgn.training.store import cores

    if "TORCHELASTIC_RUN_ID" in os.environ:
        raise InputError(
            f"--devices {options.devices}: torch.distributed.run started this process; give it --nproc-per-node instead"
        )
    refuse_more_than_there_are(options.devices, choose_compute(options.device, options.amp).device.type)
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, cores() // options.devices)))
    os.environ.setdefault("TORCH_ELASTIC_SHUTDOWN_TIMEOUT", str(GRACE_SECONDS))
    words = ["--standalone", "--nproc-per-node", str(options.devices), *PROGRAM]
    words += words_of(options, options.model_fields_set - LAUNCHERS_OWN)
    debug = log.isEnabledFor(logging.DEBUG)
    try:
        with _silent_launcher(debug):
            launcher.main([*words, *["--quiet"] * is_quiet(), *["--debug"] * debug])
    except ChildFailedError as error:
        return _exit_code(error, options)
    except SignalException as stopped:
        return 128 + stopped.sigval
    return 0


@contextmanager
def _silent_launcher(debug: bool) -> Iterator[None]:
    """Leave it to the training to say what happens."""
    logging.disable(logging.NOTSET if debug else logging.ERROR)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def _exit_code(error: "ChildFailedError", options: TrainOptions) -> int:
    """Return the exit code of a process that failed and said why."""
    for _, failure in sorted(error.failures.items()):
        if failure.exitcode > 0:
            return failure.exitcode
    rank, failure = error.get_first_failure()
    raise RunError(
        f"{options.outdir}: rank {rank} of {options.devices} was ended by {failure.signal_name()} from outside, which "
        "is how systems act when memory runs out; go on with --resume"
    ) from None


SBATCH = """\
#!/bin/bash
# Trains on a Slurm cluster; submit it with sbatch, in the folder that relative paths start from.
# Edit: how many nodes, the GPUs of each (here and in --nproc-per-node), cores, time; add a partition or an account.
#SBATCH --job-name=napari-tomodrgn
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node={devices}
#SBATCH --cpus-per-task={cores}
#SBATCH --time=24:00:00
# Two minutes before the time is over the training writes a checkpoint, and the job goes back into the queue.
#SBATCH --signal=TERM@120
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=napari-tomodrgn-%j.log

# Edit: load the modules and activate the environment that napari-tomodrgn is installed in.
# . env/bin/activate

first=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
port=$((20000 + SLURM_JOB_ID % 20000))
export OMP_NUM_THREADS=$((SLURM_CPUS_PER_TASK / {devices} > 0 ? SLURM_CPUS_PER_TASK / {devices} : 1))
export TORCH_ELASTIC_SHUTDOWN_TIMEOUT={grace}

written() {{ stat -c %Y {document} 2> /dev/null; }}
before=$(written)
srun python -m torch.distributed.run \\
    --nnodes="$SLURM_NNODES" --nproc-per-node={devices} --rdzv-id="$SLURM_JOB_ID" \\
    --rdzv-backend=c10d --rdzv-endpoint="$first:$port" \\
    {program} \\
    {arguments} --resume
code=$?

# Stopped in this very job, by the time limit: an error is not tried again, and scancel ends this script as well.
if [ "$(written)" != "$before" ] && grep -qs '"status": "stopped"' {document}; then
    scontrol requeue "$SLURM_JOB_ID"
fi
exit $code
"""
CORES_PER_DEVICE = 8


def sbatch_script(options: TrainOptions) -> str:
    """Return a Slurm job script that trains, and goes on where it was stopped.

    Raises
    ------
    InputError
        Where the options would begin anew each time that the job goes on.
    """
    for name in ("overwrite", "resume_epoch"):
        if getattr(options, name):
            written = "--" + name.replace("_", "-")
            raise InputError(
                f"--print-sbatch: the job goes on with --resume, also after a time limit, which {written} would undo; "
                "leave it out, or begin another run"
            )
    return SBATCH.format(
        devices=options.devices,
        cores=CORES_PER_DEVICE * options.devices,
        grace=GRACE_SECONDS,
        program=shlex.join(PROGRAM),
        arguments=shlex.join(words_of(options, options.model_fields_set - LAUNCHERS_OWN - {"resume"})),
        document=shlex.quote(str(Path(options.outdir) / layout.DOCUMENT)),
    )
