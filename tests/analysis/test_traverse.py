"""Ways through the latents of a small real run."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from napari_tomodrgn.analysis.occupancy.masks import Frame
from napari_tomodrgn.analysis.occupancy.zones import zone
from napari_tomodrgn.analysis.traversal_volumes import write_traversal
from napari_tomodrgn.analysis.traverse import nearest_particles, traverse
from napari_tomodrgn.analysis.traverse_options import TraverseOptions
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.atoms import read_atoms
from napari_tomodrgn.particles.maps import read_map
from napari_tomodrgn.reconstruction.volumes import VolumesOptions, write_volumes
from napari_tomodrgn.runs.run import Run


def named(run: Run, *rows: int) -> tuple[str, ...]:
    return tuple("/".join(run.latents().ids[row]) for row in rows)


def test_a_component_is_numpys_and_spans_the_percentiles_of_the_particles(run: Run) -> None:
    found = traverse(TraverseOptions(run=run.path, component=2, low=10, high=90, points=5))

    z = run.latents().z_mean.astype(np.float64)
    direction = np.linalg.svd(z - z.mean(axis=0))[2][1]
    ends = np.percentile((z - z.mean(axis=0)) @ direction, (10, 90))
    expected = z.mean(axis=0) + np.linspace(*ends, 5)[:, None] * direction
    if np.abs(expected - found.z).max() > np.abs(expected[::-1] - found.z).max():
        expected = expected[::-1]  # a component has no sign of its own, and percentiles 10 and 90 trade places with it
    np.testing.assert_allclose(found.z, expected, atol=1e-5)
    assert (found.rows == -1).all()


def test_a_straight_way_is_linear_and_its_ends_are_the_particles(run: Run) -> None:
    found = traverse(TraverseOptions(run=run.path, method="direct", through=named(run, 3, 17), points=7))

    z = run.latents().z_mean
    weight = np.linspace(0, 1, 7)[:, None]
    np.testing.assert_allclose(found.z, (1 - weight) * z[3] + weight * z[17], atol=1e-6)
    assert found.rows[[0, -1]].tolist() == [3, 17]
    index = found.index()
    assert tuple(index.loc[0, ["tomogram", "particle"]]) == run.latents().ids[3]
    assert index["particle"][3] == ""


def test_the_nearest_particle_is_the_nearest(run: Run) -> None:
    z = run.latents().z_mean
    asked = z[[5, 9]] + 1e-3

    rows, distance = nearest_particles(asked, z)

    apart = np.linalg.norm(z[None].astype(float) - asked[:, None], axis=2)
    assert rows.tolist() == apart.argmin(axis=1).tolist()
    np.testing.assert_allclose(distance, apart.min(axis=1), rtol=1e-6)


def test_a_way_along_neighbours_goes_past_every_anchor_and_only_through_particles(run: Run, tmp_path: Path) -> None:
    anchors = tmp_path / "anchors.csv"
    ids = [run.latents().ids[row] for row in (2, 20, 11)]
    pd.DataFrame(ids, columns=["tomogram", "particle"]).to_csv(anchors, index=False)

    found = traverse(TraverseOptions(run=run.path, method="graph", anchors=anchors, average_degree=20))

    rows = found.rows.tolist()
    assert (rows[0], rows[-1]) == (2, 11)
    assert 20 in rows
    np.testing.assert_array_equal(found.z, run.latents().z_mean[rows])
    assert found.share[0] == 0
    assert found.share[-1] == pytest.approx(1)
    assert found.facts["particles"] == [run.latents().ids[row] for row in rows]


def test_particles_come_in_the_order_of_a_column(run: Run) -> None:
    found = traverse(TraverseOptions(run=run.path, order_by="z1", points=24))

    order = np.argsort(run.latents().z_mean[:, 1], kind="stable")
    assert found.rows.tolist() == order.tolist()
    assert found.values is not None
    np.testing.assert_allclose(found.values, run.latents().z_mean[order, 1])


def test_some_of_them_are_at_even_ranks(run: Run, tmp_path: Path) -> None:
    chosen = tmp_path / "chosen.csv"
    pd.DataFrame(run.latents().ids[:9], columns=["tomogram", "particle"]).to_csv(chosen, index=False)

    found = traverse(TraverseOptions(run=run.path, order_by="defocus", particles=chosen, points=3))

    particle_set = run.particle_set()
    table = particle_set.tilt_images.iloc[particle_set.first_tilt[:-1][:9]]
    defocus = (table["defocus_u"] + table["defocus_v"]).to_numpy() / 2
    assert list(particle_set.ids[:9]) == list(run.latents().ids[:9])
    assert found.values is not None
    np.testing.assert_allclose(found.values, np.sort(defocus)[[0, 4, 8]])


def test_volumes_are_those_of_the_volumes_command(run: Run, tmp_path: Path) -> None:
    options = TraverseOptions(run=run.path, method="direct", through=named(run, 0, 9), points=3, box=8)
    folder = tmp_path / "way"
    folder.mkdir()
    write_traversal(traverse(options), options, folder)

    other = write_volumes(
        VolumesOptions(run=run.path, latents=folder / "latents.npy", outdir=tmp_path / "volumes", box=8)
    )

    for name in ("vol_000.mrc", "vol_001.mrc", "vol_002.mrc"):
        np.testing.assert_array_equal(read_map(folder / name).values, read_map(other / name).values)
    assert not np.array_equal(read_map(folder / "vol_000.mrc").values, read_map(folder / "vol_002.mrc").values)
    assert pd.read_csv(folder / "index.csv")["file"].tolist() == ["vol_000.mrc", "vol_001.mrc", "vol_002.mrc"]


def test_a_zone_that_is_kept_and_the_same_one_removed_are_the_whole(
    run: Run, four_chains: Path, tmp_path: Path
) -> None:
    written = {}
    for asked in (None, "keep", "remove"):
        near: dict[str, Any] = {"zone": asked, "model": four_chains, "parts": "A,B", "zone_radius": 14, "zone_edge": 20}
        options = TraverseOptions(run=run.path, order_by="z0", points=2, **(near if asked else {}))
        (tmp_path / str(asked)).mkdir()
        document = write_traversal(traverse(options), options, tmp_path / str(asked))
        written[asked] = [read_map(path).values for path in sorted((tmp_path / str(asked)).glob("vol_*.mrc"))]
        assert document.get("zone") == asked

    near_a = read_map(tmp_path / "keep" / "zone.mrc").values
    np.testing.assert_array_equal(near_a, zone(read_atoms([four_chains]), Frame(16, 12.0), 14, edge=20, parts=("A,B",)))
    for whole, kept, removed in zip(*written.values(), strict=True):
        np.testing.assert_allclose(kept, whole * near_a, atol=1e-7)
        np.testing.assert_allclose(kept + removed, whole, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"component": 4}, "--component 4: 24 latents of 3 dimensions have 3 principal components"),
        (
            {"method": "graph", "through": ("TS_01/none", "TS_01/1")},
            "particle none of tomogram TS_01 is not in the run",
        ),
        ({"method": "direct", "classes": (0, 1)}, "which classes"),
        ({"order_by": "beauty"}, "column beauty: is not known of these particles; columns of numbers: z, y, x"),
        ({"order_by": "tomogram"}, "column tomogram: holds no numbers"),
        ({"epoch": 9}, "has no latents of epoch 9; those there are: 1, 2"),
    ],
)
def test_what_is_not_there_is_said_in_one_sentence(run: Run, options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        traverse(TraverseOptions(run=run.path, **options))


def test_particles_that_no_neighbours_join_are_named(run: Run) -> None:
    z = run.latents().z_mean
    middle = np.linalg.norm(z - np.median(z, axis=0), axis=1)
    ends = int(middle.argmin()), int(middle.argmax())

    with pytest.raises(InputError, match=r"no neighbours lead from particle .* is in \d+ pieces.* --average-degree \d"):
        traverse(TraverseOptions(run=run.path, method="graph", through=named(run, *ends), average_degree=0.1))


def test_one_particle_makes_no_way(run: Run) -> None:
    with pytest.raises(InputError, match="two particles or more, found 1"):
        traverse(TraverseOptions(run=run.path, method="direct", through=named(run, 0)))
    with pytest.raises(InputError, match="begins and ends at one latent"):
        traverse(TraverseOptions(run=run.path, method="direct", through=named(run, 0, 0)))


def test_a_decoder_alone_has_no_ways(homogeneous_run: Run) -> None:
    with pytest.raises(InputError, match="decoder alone"):
        traverse(TraverseOptions(run=homogeneous_run.path))
