"""Starting several processes: a job script that a shell reads, and what is refused before anything starts."""

import subprocess
from pathlib import Path

import pytest

from napari_tomodrgn.cli import main as programs

from .conftest import Cli, check

AWKWARD = ("my data/part's $x.star", "--outdir", "a run", "--devices", "4", "--no-window", "--pooling", "mean")


def script(cli: Cli, *arguments: str) -> str:
    outcome = cli(*arguments, "--print-sbatch", program=programs.main_train)
    assert (outcome.code, outcome.stderr) == (0, "")
    return outcome.stdout


def test_a_job_script_is_one_that_bash_reads(cli: Cli) -> None:
    read = subprocess.run(["bash", "-n"], input=script(cli, *AWKWARD), text=True, capture_output=True, check=False)
    assert (read.returncode, read.stderr) == (0, "")


def test_a_job_script_runs_the_launcher_with_the_same_training(cli: Cli, tmp_path: Path) -> None:
    """The script is run, with programs of the cluster that write down what they are called with."""
    for name in ("scontrol", "srun"):
        program = tmp_path / name
        program.write_text(f'#!/bin/bash\nprintf "%s\\0" "$@" > "{tmp_path}/{name}.called"\necho node-7\n')
        program.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "SLURM_NNODES": "2", "SLURM_JOB_ID": "12345"}
    environment |= {"SLURM_JOB_NODELIST": "node-[7-8]", "SLURM_CPUS_PER_TASK": "32"}
    (tmp_path / "job.sh").write_text(script(cli, *AWKWARD, "--resume"))

    subprocess.run(["bash", "job.sh"], cwd=tmp_path, env=environment, check=True, capture_output=True)

    called = (tmp_path / "srun.called").read_text().split("\0")[:-1]
    assert called[:6] == [
        "python",
        "-m",
        "torch.distributed.run",
        "--nnodes=2",
        "--nproc-per-node=4",
        "--rdzv-id=12345",
    ]
    assert called[6:8] == ["--rdzv-backend=c10d", "--rdzv-endpoint=node-7:32345"]
    assert called[8:11] == ["-m", "napari_tomodrgn", "train"]
    assert called[11:] == [
        "my data/part's $x.star",
        "--outdir",
        "a run",
        "--pooling",
        "mean",
        "--no-window",
        "--resume",
    ]


def test_a_job_that_was_stopped_goes_back_into_the_queue(cli: Cli) -> None:
    lines = script(cli, *AWKWARD).splitlines()
    assert {"#SBATCH --signal=TERM@120", "#SBATCH --requeue", "#SBATCH --gpus-per-node=4"} <= set(lines)
    condition = """grep -qs '"status": "stopped"' 'a run/run.json'"""
    assert f'if [ "$(written)" != "$before" ] && {condition}; then' in lines


@pytest.mark.parametrize("given", [("--overwrite",), ("--resume", "--resume-epoch", "3")])
def test_a_job_that_would_begin_anew_each_time_is_refused(cli: Cli, given: tuple[str, ...]) -> None:
    outcome = cli("a.star", "--outdir", "run", "--print-sbatch", *given, program=programs.main_train)
    check(outcome, 2, ("--print-sbatch", given[0] if len(given) == 1 else given[1], "leave it out"))


def test_processes_of_a_launcher_start_no_others(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "some")
    outcome = cli("a.star", "--outdir", "run", "--devices", "2", program=programs.main_train)
    check(outcome, 2, ("--devices 2", "give it --nproc-per-node instead"))


@pytest.mark.parametrize(("there", "sentence"), [(1, "there is 1 GPU here; give 1"), (2, "there are 2 GPUs here")])
def test_more_devices_than_there_are_are_refused(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, there: int, sentence: str
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda including_emulation: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: there)
    outcome = cli("a.star", "--outdir", "run", "--devices", "3", program=programs.main_train)
    check(outcome, 2, ("--devices 3", sentence, "--device cpu"))
