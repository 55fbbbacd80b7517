"""Which particles and tilts are looked at when: anew each visit, the same in every process, none left out."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.particle_set import ParticleSet
from napari_tomodrgn.training.batches import Sampler, split_tilts
from napari_tomodrgn.training.options import TrainOptions

COUNTS = (5, 3, 7, 4)


def options(particles: Path, **given: Any) -> TrainOptions:
    return TrainOptions(particles=particles, outdir=Path("unused"), **{"latent_dim": 2, **given})


def a_sampler(particles: Path, **given: Any) -> tuple[ParticleSet, Sampler]:
    chosen = options(particles, **given)
    particle_set = chosen.open()
    split = split_tilts(particle_set, chosen.held_out_fraction, chosen.held_out_by, chosen.seed)
    return particle_set, Sampler(particle_set, split, chosen)


def test_concatenate_takes_as_many_tilts_as_the_poorest_has(tiny_set) -> None:  # type: ignore[no-untyped-def]
    _, sampler = a_sampler(tiny_set(tilts=COUNTS))
    batches = [sampler.training_batch(1, position) for position in range(sampler.batches)]
    assert [len(batch.rows) for batch in batches] == [3, 3, 3, 3]
    assert sorted(int(batch.particles[0]) for batch in batches) == [0, 1, 2, 3]


def test_tilts_are_drawn_anew_each_visit_and_again_the_same_for_a_seed(tiny_set) -> None:  # type: ignore[no-untyped-def]
    path = tiny_set(tilts=COUNTS)
    draws = [[a_sampler(path)[1].training_batch(epoch, 0).rows.tolist() for epoch in range(1, 9)] for _ in range(2)]
    assert draws[0] == draws[1]
    assert len({tuple(rows) for rows in draws[0]}) > 4


def test_sequential_sampling_takes_the_first(tiny_set) -> None:  # type: ignore[no-untyped-def]
    particle_set, sampler = a_sampler(tiny_set(tilts=COUNTS), tilt_sampling="sequential")
    for position in range(4):
        batch = sampler.training_batch(1, position)
        first = particle_set.first_tilt[batch.particles[0]]
        assert batch.rows.tolist() == [first, first + 1, first + 2]


@pytest.mark.parametrize("pooling", ["mean", "max", "median", "attention"])
def test_other_poolings_see_every_tilt_of_every_particle(tiny_set, pooling: str) -> None:  # type: ignore[no-untyped-def]
    _, sampler = a_sampler(tiny_set(tilts=COUNTS), pooling=pooling, batch_size=3)
    rows = np.concatenate([sampler.training_batch(1, position).rows for position in range(sampler.batches)])
    assert sorted(rows.tolist()) == list(range(sum(COUNTS)))


def test_inference_draws_cover_every_tilt_and_depend_on_the_particle_alone(tiny_set) -> None:  # type: ignore[no-untyped-def]
    path = tiny_set(tilts=COUNTS)
    particle_set, sampler = a_sampler(path)
    for particle, count in enumerate(COUNTS):
        draws = sampler.inference_draws(particle)
        assert {len(draw) for draw in draws} == {3}
        assert len(set(np.concatenate(draws).tolist())) == count
    alone = options(path)
    fewer = particle_set.take([1, 2])
    fewer_sampler = Sampler(fewer, split_tilts(fewer, 0, "particle", 0), alone)
    offset = particle_set.first_tilt[2] - fewer.first_tilt[1]
    ours, theirs = sampler.inference_draws(2), fewer_sampler.inference_draws(1)
    assert [draw.tolist() for draw in ours] == [(draw + offset).tolist() for draw in theirs]


def test_held_out_particles_are_never_trained_on(tiny_set) -> None:  # type: ignore[no-untyped-def]
    _, sampler = a_sampler(tiny_set(tilts=(4,) * 10), held_out_fraction=0.3)
    assert sampler.split.is_held_out.sum() == 3
    seen = {int(p) for position in range(sampler.batches) for p in sampler.training_batch(1, position).particles}
    assert seen == set(np.flatnonzero(~sampler.split.is_held_out).tolist())


def test_held_out_tilts_are_never_trained_on_nor_encoded(tiny_set) -> None:  # type: ignore[no-untyped-def]
    particle_set, sampler = a_sampler(
        tiny_set(tilts=(2, 10)), held_out_fraction=0.2, held_out_by="tilt", pooling="mean"
    )
    assert [len(rows) for rows in sampler.split.held_out] == [1, 2]
    for particle in range(2):
        used = set(sampler.inference_draws(particle)[0].tolist())
        assert used.isdisjoint(sampler.split.held_out[particle].tolist())
    assert not sampler.split.is_held_out.any()
    assert len(particle_set.tilt_images) == 12


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "particle 001 of tomogram tomo has one tilt image.*--pooling mean"),
        ({"pooling": "mean"}, None),
        ({"latent_dim": 0}, None),
    ],
)
def test_one_tilt_particles_are_refused_where_tilts_are_concatenated(tiny_set, given, message) -> None:  # type: ignore[no-untyped-def]
    path = tiny_set(tilts=(4, 1, 3))
    if message is None:
        assert a_sampler(path, **given)[1].tilts is None
    else:
        with pytest.raises(InputError, match=message):
            a_sampler(path, **given)


@pytest.mark.parametrize(
    ("asked", "message"), [("all", "needs the same number for all"), (4, "fewer than --tilts-per")]
)
def test_numbers_of_tilts_that_cannot_be_concatenated_are_refused(tiny_set, asked, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match=message):
        a_sampler(tiny_set(tilts=COUNTS), tilts_per_particle=asked)


def test_a_number_of_tilts_is_a_limit_for_other_poolings(tiny_set) -> None:  # type: ignore[no-untyped-def]
    _, sampler = a_sampler(tiny_set(tilts=COUNTS), tilts_per_particle=4, pooling="mean", batch_size=4)
    assert sorted(sampler.training_batch(1, 0).counts.tolist()) == [3, 4, 4, 4]
    assert [len(sampler.inference_draws(particle)[0]) for particle in range(4)] == list(COUNTS)
