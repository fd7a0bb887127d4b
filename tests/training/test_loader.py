"""The order is a function of seed, epoch and rank; items draw the same wherever and whenever they are fetched."""

from collections.abc import Iterator

import pytest
import torch
import torch.distributed as dist

from dprdm.training.loader import TrainingLoader


class Drawn:
    """Rows, each with a random number."""

    def __len__(self) -> int:
        return 11

    def __getitem__(self, row: int) -> torch.Tensor:
        return torch.stack([torch.tensor(float(row)), torch.rand(())])


def epoch(number: int, loader: TrainingLoader) -> list[list[float]]:
    loader.order.set_epoch(number)
    return [item.tolist() for batch in loader for item in batch]


def test_epochs_differ_and_repeat_exactly() -> None:
    first, second = (epoch(number, TrainingLoader(Drawn(), 2)) for number in (0, 1))
    assert first != second
    assert epoch(0, TrainingLoader(Drawn(), 2)) == first
    loader = TrainingLoader(Drawn(), 2)
    assert (epoch(0, loader), epoch(1, loader)) == (first, second)
    assert len({row for row, _ in first}) == len(first) == 10
    assert len({draw for _, draw in first}) == 10


def test_goes_on_after_the_batches_that_were_given() -> None:
    whole, loader = epoch(1, TrainingLoader(Drawn(), 2)), TrainingLoader(Drawn(), 2)
    loader.load_state_dict({"epoch": 1, "given": 3})
    assert epoch(1, loader) == whole[6:]
    assert len(loader) == 5
    assert loader.state_dict() == {"epoch": 1, "given": 5}
    loader.load_state_dict({"epoch": 0, "given": 3})
    assert epoch(1, loader) == whole


def test_the_global_generator_is_left_alone() -> None:
    torch.manual_seed(3)
    expected = torch.rand(())
    torch.manual_seed(3)
    epoch(0, TrainingLoader(Drawn(), 2))
    assert torch.rand(()) == expected


@pytest.fixture
def two_ranks(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    rank = [0]
    monkeypatch.setattr(dist, "is_initialized", lambda: True)
    monkeypatch.setattr(dist, "get_world_size", lambda: 2)
    monkeypatch.setattr(dist, "get_rank", lambda: rank[0])
    yield rank


def test_two_processes_share_the_rows(two_ranks: list[int]) -> None:
    shares = []
    for rank in (0, 1):
        two_ranks[0] = rank
        shares.append({row for row, _ in epoch(0, TrainingLoader(Drawn(), 1))})
    assert len(shares[0]) == len(shares[1]) == 5
    assert not shares[0] & shares[1]
