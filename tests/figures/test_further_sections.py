"""What other commands found is in the report of the epoch, as they drew it."""

import base64
import shutil
from pathlib import Path

from napari_tomodrgn.analysis.spatial.neighbors import neighbors
from napari_tomodrgn.analysis.spatial.options import NeighborsOptions
from napari_tomodrgn.figures.spatial import write_neighbours_folder
from napari_tomodrgn.figures.write import write_run_report
from napari_tomodrgn.runs.run import Run


def test_pictures_of_neighbours_are_in_the_report(analysed_run: Run, tmp_path: Path) -> None:
    run = Run.open(Path(shutil.copytree(analysed_run.path, tmp_path / "run")))
    before = write_run_report(run).read_text()
    assert "Spatial context" not in before
    options = NeighborsOptions(particles=run.path, permutations=99, replicates=20)
    found = neighbors(options)
    write_neighbours_folder(found)
    pictures = sorted(found.folder.glob("*.png"))
    assert pictures
    page = write_run_report(run).read_text()
    assert ">Spatial context</h2>" in page
    for path in pictures:
        assert base64.b64encode(path.read_bytes()).decode() in page
        assert f"{path.stem}, by neighbors; numbers beside analysis/epoch-0002/neighbours" in page
    assert "Occupancy</h2>" not in page
