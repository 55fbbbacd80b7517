"""The two programs as they are called: help is quick and whole, rooms are imported when asked for."""

import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from napari_tomodrgn.cli import main as programs

from .conftest import Cli, check


def imported_by(*commands: str) -> set[str]:
    """Return the top-level packages that a fresh process has imported after running commands."""
    program = (
        "import sys\nfrom napari_tomodrgn.cli.main import main\n"
        "for command in sys.argv[1:]:\n    try:\n        main(command.split())\n    except SystemExit:\n        pass\n"
        "print(*sys.modules, file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, *commands], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in done.stderr.split()}


def test_help_lists_every_command(cli: Cli) -> None:
    outcome = cli("--help")
    assert outcome.code == 0
    for name, summary in programs.SUMMARIES.items():
        assert f"  {name} " in outcome.stdout
        assert summary in " ".join(outcome.stdout.split())


def test_no_command_shows_the_help(cli: Cli) -> None:
    assert cli().stdout == cli("--help").stdout


def test_help_imports_neither_torch_nor_pandas() -> None:
    assert not imported_by("--help") & {"torch", "pandas", "numpy", "umap", "sklearn", "matplotlib", "napari"}


def test_no_commands_help_imports_torch() -> None:
    imported = imported_by(*(f"{name} --help" for name in programs.SUMMARIES))
    assert "pydantic" in imported
    assert not imported & {"torch", "umap", "sklearn", "matplotlib", "napari"}


def test_version_is_the_packages(cli: Cli) -> None:
    assert cli("--version").stdout == f"napari-tomodrgn {version('napari-tomodrgn')}\n"


def test_a_mistyped_command_is_named_with_what_was_meant(cli: Cli) -> None:
    outcome = cli("trian")
    assert outcome.code == 2
    assert outcome.sentences == ["error: no such command 'trian'. Did you mean 'train'?; see `napari-tomodrgn --help`"]


def test_later_commands_are_not_offered_yet(cli: Cli) -> None:
    for name in ("occupancy", "fit", "validate", "neighbors"):
        assert cli(name).code == 2


@pytest.mark.parametrize("name", programs.SUMMARIES)
def test_every_command_has_a_help_page(cli: Cli, name: str) -> None:
    outcome = cli(name, "--help")
    assert (outcome.code, outcome.stderr) == (0, "")
    assert programs.SUMMARIES[name] in outcome.stdout
    for own in getattr(programs.load_command(name), "commands", [None]):
        shown = cli(name, *([own] if own else []), "--help").stdout
        for option in ("--quiet", "--debug", "--version"):
            assert option in shown


def test_the_trainer_is_the_train_command(cli: Cli) -> None:
    own = cli("--help", program=programs.main_train)
    assert own.code == 0
    assert own.stdout.splitlines()[1:] == cli("train", "--help").stdout.splitlines()[1:]


DATA_OPTIONS = (
    *("--dialect", "--volume-series", "--datadir", "--contrast", "--ctf-power", "--attenuation", "--dose-at"),
    *("--voltage-rule", "--defocus-height", "--map-hand", "--first-tilts", "--tilt-order", "--selection"),
    *("--box", "--pixel-size"),
)
TRAIN_OPTIONS = (
    *("--tilts-per-particle", "--tilt-sampling", "--outdir", "--latent-dim", "--epochs", "--batch-size"),
    *("--learning-rate", "--seed", "--device", "--amp", "--workers", "--encoder-a", "--encoder-a-out", "--encoder-b"),
    *("--decoder", "--pooling", "--positional-encoding", "--feature-sigma", "--dose-mask", "--no-dose-mask"),
    *("--dose-weight", "--no-dose-weight", "--tilt-weight", "--no-tilt-weight", "--dose-middle", "--beta"),
    *("--beta-schedule", "--kl-target", "--held-out-fraction", "--held-out-by", "--resume"),
    *("--overwrite", "--dry-run", "--json"),
)


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("train", (*DATA_OPTIONS, *TRAIN_OPTIONS)),
        ("inspect", (*DATA_OPTIONS, "--outdir", "--reference", "--model", "--json")),
        ("reconstruct", (*DATA_OPTIONS, "--backproject")),
        ("downsample", ("--box", "--dialect", "--datadir", "--selection", "--overwrite")),
        ("crop", ("--box", "--dialect", "--datadir", "--selection", "--overwrite")),
        ("embed", (*DATA_OPTIONS, "--run", "--epoch", "--device", "--amp", "--overwrite")),
        ("volumes", ("--epoch", "--latents", "--particles", "--box", "--low-pass", "--map-hand", "--invert")),
        ("analyze", ("--epoch", "--clusters", "--method", "--seed", "--no-umap", "--no-volumes", "--overwrite")),
        ("compare", ("--epoch-a", "--epoch-b", "--labels-a", "--labels-b", "--seeds", "--outdir", "--json")),
        ("select", (*DATA_OPTIONS, "--clusters", "--labels", "--ids", "--invert", "--per-tomogram", "--class-column")),
        ("simulate", ("--maps", "--dialect", "--particles", "--tilts", "--shot-snr", "--seed", "--overwrite")),
        ("demo", ("--seed", "--overwrite")),
        ("import-tomodrgn", ("--outdir", "--star", "--dialect", "--volume-series", "--datadir", "--overwrite")),
        ("info", (*DATA_OPTIONS, "--bundle", "--json")),
        ("clean", ("--keep-every", "--yes", "--json")),
    ],
)
def test_the_help_names_the_options_that_stay(cli: Cli, command: str, options: tuple[str, ...]) -> None:
    words = set(cli(command, "--help").stdout.replace("/", " ").split())
    assert [option for option in options if option not in words] == []


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("train", "--dialect auto|cryosrpnt|nextpyp|relion5|warp|warptools"),
        ("downsample", "--dialect auto|cryosrpnt|nextpyp|relion5|warp|warptools"),
        *(("train", f"--{network} NODESxLAYERS") for network in ("encoder-a", "encoder-b", "decoder")),
        ("reconstruct", "--decoder NODESxLAYERS"),
    ],
)
def test_the_help_shows_what_an_option_takes(cli: Cli, command: str, shown: str) -> None:
    assert shown in " ".join(cli(command, "--help").stdout.split())


@pytest.mark.parametrize(
    ("option", "default"),
    [
        *(("--latent-dim", "128"), ("--pooling", "concatenate"), ("--encoder-a", "256x3"), ("--encoder-a-out", "128")),
        *(("--encoder-b", "256x3"), ("--decoder", "256x3"), ("--batch-size", "1"), ("--epochs", "50")),
        *(("--learning-rate", "0.0002"), ("--seed", "0")),
        *(("--no-dose-mask", "on"), ("--no-dose-weight", "on"), ("--no-tilt-weight", "on")),
    ],
)
def test_the_trainers_defaults_are_the_papers(cli: Cli, option: str, default: str) -> None:
    entries = re.split(r" (?=--)", " ".join(cli("train", "--help").stdout.split()))
    (entry,) = [entry for entry in entries if entry.split()[0] == option]
    assert f"[default: {default}]" in entry


@pytest.mark.parametrize("seed", [-1, 2**32, 10**23])
@pytest.mark.parametrize(
    "command",
    ["train new.star --outdir new", "reconstruct new.star --outdir new", "analyze new", "inspect new.star", "demo new"],
)
def test_seeds_that_no_generator_takes_are_refused(cli: Cli, command: str, seed: int) -> None:
    expected = "0 or more" if seed < 0 else "4294967295 or less"
    check(cli(*command.split(), "--seed", seed), 2, (f"--seed: expected {expected}, got {seed}",))


@pytest.mark.parametrize("seed", [-1, 2**32, 10**23])
def test_a_simulation_takes_no_such_seed_either(cli: Cli, tmp_path: Path, seed: int) -> None:
    check(cli("simulate", tmp_path / "new", "--seed", seed), 2, ("--seed", str(seed)))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("--backproject --resume", ("--resume", "--backproject trains nothing")),
        ("--backproject --epochs 5", ("--epochs", "--backproject trains nothing")),
        ("--backproject --decoder 8x1", ("--decoder", "--backproject trains nothing")),
        ("--backproject --device cuda", ("--device", "--backproject trains nothing")),
        ("--half-sets", ("--half-sets", "add --backproject")),
        ("--backproject --mask-dilate 2", ("--mask-dilate", "add --mask")),
    ],
)
def test_options_without_effect_on_a_reconstruction_are_refused(cli: Cli, given: str, says: tuple[str, ...]) -> None:
    check(cli("reconstruct", "new.star", "--outdir", "new", *given.split()), 2, says)
