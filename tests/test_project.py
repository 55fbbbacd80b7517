"""The promises of the project's own files: commands in the README, licences, versions, and the rule on skips."""

import importlib.metadata
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import napari_tomodrgn
from napari_tomodrgn.cli.main import load_command

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
MAIN_COMMAND = 'python -m pip install -c constraints.txt ".[all]" && napari-tomodrgn demo demo-run'
TEST_COMMAND = "python -m pip install tox && tox"


@pytest.mark.parametrize("command", [MAIN_COMMAND, TEST_COMMAND])
def test_readme_gives_the_command_on_a_line_of_its_own(command: str) -> None:
    assert command in (ROOT / "README.md").read_text().splitlines()


def test_readme_begins_with_how_to_make_an_environment() -> None:
    assert "python3 -m venv env && . env/bin/activate" in (ROOT / "README.md").read_text().splitlines()[0]


def test_ci_runs_the_test_command_of_the_readme() -> None:
    assert TEST_COMMAND in (ROOT / ".ci" / "run").read_text().splitlines()


def test_version_is_the_same_everywhere() -> None:
    version = PROJECT["project"]["version"]
    assert napari_tomodrgn.__version__ == version
    assert importlib.metadata.version("napari-tomodrgn") == version
    assert f"version: {version}" in (ROOT / "CITATION.cff").read_text().splitlines()
    assert f"## [{version}]" in (ROOT / "CHANGELOG.md").read_text()


def test_constraints_pin_every_direct_dependency_and_torch_to_the_tested_version() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = dict(line.lower().replace("_", "-").split("==") for line in lines if not line.startswith("#"))
    needed = PROJECT["project"]["dependencies"] + PROJECT["project"]["optional-dependencies"]["all"][1:]
    names = {re.split(r"[<>=!\[; ]", requirement)[0].lower().replace("_", "-") for requirement in needed}
    assert names <= pins.keys()
    assert pins["torch"] == "2.13.0"
    assert all(re.fullmatch(r"[0-9][0-9a-z.]*", version) for version in pins.values())


@pytest.mark.parametrize("forbidden", ["pyqt", "igraph", "healpy", "pymeshlab", "cryohub", "tomodrgn", "cryodrgn"])
def test_no_dependency_carries_a_licence_that_ours_cannot(forbidden: str) -> None:
    installed_for_users = PROJECT["project"]["dependencies"] + PROJECT["project"]["optional-dependencies"]["all"]
    assert not any(r.lower().removeprefix("napari-tomodrgn").startswith(forbidden) for r in installed_for_users)


def test_option_tables_of_the_docs_are_those_of_the_commands() -> None:
    script = ROOT / "scripts" / "make_command_pages.py"
    check = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, check=False)
    assert check.returncode == 0, check.stdout + check.stderr


def test_tables_of_the_pages_are_those_of_the_results() -> None:
    script = ROOT / "scripts" / "make_result_tables.py"
    check = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, check=False)
    assert check.returncode == 0, check.stdout + check.stderr


@pytest.mark.parametrize("page", sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]), ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text())
    assert [target for target in targets if not (page.parent / target).exists()] == []


ANALYSES = (
    *("analysis", "calibration", "compare", "convergence", "ensemble", "evidence-score", "fit", "interop", "nuisance"),
    *("occupancy", "spatial-context", "trajectories", "validation"),
)


@pytest.mark.parametrize("name", ANALYSES)
def test_the_page_of_an_analysis_has_a_picture_when_it_misleads_and_references(name: str) -> None:
    page = (ROOT / "docs" / f"{name}.md").read_text()
    assert re.search(r"^!\[.+\]\(pictures/.+\.png\)$", page, re.MULTILINE)
    assert [each for each in ("## When it misleads", "## References") if f"\n{each}\n" not in page] == []
    assert f"({name}.md)" in (ROOT / "docs" / "index.md").read_text()


def _documented_commands() -> list[str]:
    pages = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]
    blocks = [block for page in pages for block in re.findall(r"```sh\n(.*?)```", page.read_text(), flags=re.DOTALL)]
    lines = [line.strip() for block in blocks for line in re.sub(r"\\\n *", "", block).splitlines()]
    return sorted({line.partition(" #")[0].strip() for line in lines if line.startswith("napari-tomodrgn")})


@pytest.mark.parametrize("line", _documented_commands())
def test_commands_in_the_docs_have_only_options_that_exist(line: str) -> None:
    program, *words = shlex.split(line)
    name = "train" if program == "napari-tomodrgn-train" else words.pop(0)
    command = load_command(name)
    command = command.commands[words.pop(0)] if hasattr(command, "commands") else command
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    assert {word for word in words if word.startswith("--")} <= known | {"--help"}
    required = {
        parameter.opts[0] for parameter in command.params if "[required]" in (getattr(parameter, "help", "") or "")
    }
    assert {option for option in required if option.startswith("--")} <= set(words)


def test_importing_the_package_loads_nothing_heavy() -> None:
    check = "import sys, napari_tomodrgn; print(sorted({'torch','numpy','pandas','napari','qtpy'} & set(sys.modules)))"
    answer = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def _run_in_ci(folder: Path, test_code: str, ci: str) -> subprocess.CompletedProcess[str]:
    shutil.copy(ROOT / "tests" / "conftest.py", folder / "conftest.py")
    (folder / "test_it.py").write_text(f"import pytest\ndef test_passes(): pass\n{test_code}")
    (folder / "pytest.ini").write_text("[pytest]\n")
    environment = {**os.environ, "CI": ci, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    command = [sys.executable, "-m", "pytest", str(folder)]
    return subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)


SKIP = "@pytest.mark.skip(reason='{}')\ndef test_skipped(): pass\n"
MODULE_SKIP = "pytest.importorskip('no_such_module')\n"


@pytest.mark.parametrize(
    ("code", "ci", "exit_code"),
    [
        (SKIP.format("data missing"), "true", 1),
        (SKIP.format("data missing"), "", 0),
        (SKIP.format("no GPU on this machine"), "true", 0),
        (SKIP.format("data missing, and no GPU either"), "true", 1),
        ("def test_inside(): pytest.skip('not today')\n", "true", 1),
        ("def test_inside(): pytest.skip('no GPU here')\n", "true", 0),
        ("def test_fails(): assert 0\n", "", 1),
    ],
)
def test_a_skip_fails_the_ci_unless_a_gpu_is_missing(tmp_path: Path, code: str, ci: str, exit_code: int) -> None:
    finished = _run_in_ci(tmp_path, code, ci)
    assert finished.returncode == exit_code, finished.stdout
    assert re.search(r"1 (skipped|failed)", finished.stdout.splitlines()[-1])


def test_a_module_skipped_as_a_whole_fails_the_ci_too(tmp_path: Path) -> None:
    finished = _run_in_ci(tmp_path, MODULE_SKIP, "true")
    assert finished.returncode != 0, finished.stdout
