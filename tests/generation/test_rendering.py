"""However many processes share the batches, each image is drawn once, and beside the same others."""

import dataclasses

import numpy as np
import pytest

from dprdm.generation.rendering import Batches
from dprdm.guarantee.request import Request
from dprdm.runs.run_folder import Conditions, list_samples
from tests.fakes import unit_rows

REQUESTS = tuple(Request(prompt, release) for prompt in ("bag", "coat") for release in range(3))
VECTORS = unit_rows(len(REQUESTS), 8)
CONDITIONS = Conditions(REQUESTS, VECTORS, VECTORS, VECTORS, np.full(len(REQUESTS), 0.1, np.float32))
SAMPLES = list_samples(REQUESTS, 2, seed=0)


def positions(missing: tuple[int, ...], world_size: int) -> list[list[list[int]]]:
    shares = (Batches(CONDITIONS, SAMPLES, 5, missing, rank, world_size) for rank in range(world_size))
    return [[batch["position"].tolist() for batch in share] for share in shares]


@pytest.mark.parametrize("world_size", [1, 2, 3, 4])
def test_each_batch_goes_to_one_process(world_size: int) -> None:
    shares = positions(tuple(range(12)), world_size)
    assert sorted(batch for share in shares for batch in share) == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9], [10, 11]]


def test_with_a_spread_every_image_has_a_condition_of_its_own_wherever_it_is_drawn() -> None:
    spread = 0.1 * np.eye(3, 8, dtype=np.float32)
    spreading = dataclasses.replace(CONDITIONS, spread=spread)
    (whole,) = Batches(spreading, SAMPLES, 12, (0,))
    moved = whole["condition"][:, 0].numpy() - VECTORS[np.repeat(np.arange(6), 2)]
    assert (np.abs(moved[:, :3]) > 1e-5).all() and np.abs(moved[:, 3:]).max() == 0
    assert len(np.unique(moved[:, 0])) == 12
    (alone,) = Batches(spreading, SAMPLES, 5, (7,))
    np.testing.assert_array_equal(alone["condition"].numpy(), whole["condition"][5:10].numpy())


def test_a_spread_is_as_wide_as_it_says() -> None:
    spreading = dataclasses.replace(CONDITIONS, spread=np.diag([0.5, 2.0] + [0.0] * 6))
    moved = spreading.of_images([0] * 4000, range(4000)) - VECTORS[0]
    assert np.allclose(moved.std(axis=0), [0.5, 2.0] + [0.0] * 6, rtol=0.08)  # 4,000 draws: 7 standard errors
    assert np.abs(moved.mean(axis=0)).max() < 0.2


def test_a_batch_with_a_missing_image_is_drawn_whole_and_no_other_is() -> None:
    assert positions((7, 9), 2) == [[[5, 6, 7, 8, 9]], []]


def test_an_image_gets_the_condition_of_its_release_and_its_own_seed() -> None:
    (batch,) = Batches(CONDITIONS, SAMPLES, 5, (11,))
    np.testing.assert_array_equal(batch["condition"][:, 0].numpy(), VECTORS[[5, 5]])
    assert batch["seed"].tolist() == [SAMPLES[10].seed, SAMPLES[11].seed]
    assert batch["condition"].shape == (2, 1, 8)
