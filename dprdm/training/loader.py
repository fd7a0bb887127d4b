"""A shuffled loader that a resumed training enters where it was left: same order, same crops, same neighbours."""

from collections.abc import Iterator
from typing import Any

import torch
import torch.distributed as dist
from torch.utils.data import DataLoader, Dataset, DistributedSampler

from dprdm.training.seeds import public_seed


class SeededItems(Dataset[Any]):
    """Items by (epoch, row), each drawn with a seed of its own: the worker and the moment do not change it.

    Args:
        items: any data set with a length, whose items may draw from torch's global CPU generator.
    """

    def __init__(self, items: Any) -> None:
        self.items = items

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, position: tuple[int, int]) -> Any:
        before = torch.default_generator.get_state()
        torch.default_generator.manual_seed(public_seed("item", *position))
        try:
            return self.items[position[1]]
        finally:
            torch.default_generator.set_state(before)


class SeededOrder(DistributedSampler[Any]):
    """(epoch, row) of this process's share of the rows, in an order that depends on seed and epoch alone.

    Args:
        items: what is shuffled.
    """

    def __init__(self, items: SeededItems) -> None:
        ranks, rank = (dist.get_world_size(), dist.get_rank()) if dist.is_initialized() else (1, 0)
        super().__init__(items, ranks, rank, shuffle=True, seed=public_seed("order") % 2**31, drop_last=True)
        self.skipped = 0

    def __iter__(self) -> Iterator[Any]:
        return ((self.epoch, row) for row in list(super().__iter__())[self.skipped :])


class TrainingLoader(DataLoader[Any]):
    """A `DataLoader`, shuffled, without the last short batch, that says where it is and goes on from there.

    Lightning keeps `state_dict` in its checkpoints.

    Args:
        items: see `SeededItems`.
        batch_size: items a step and process.
        num_workers: processes that decode; 0 decodes in the training process.
    """

    def __init__(self, items: Any, batch_size: int, num_workers: int = 0) -> None:
        seeded = SeededItems(items)
        self.order = SeededOrder(seeded)
        super().__init__(
            seeded,
            batch_size,
            sampler=self.order,
            drop_last=True,
            num_workers=num_workers,
            persistent_workers=num_workers > 0,
            generator=torch.Generator(),  # else a seed for workers, of which there is no need, is drawn from the global one
        )
        self.given = 0
        self.resumed = {"epoch": -1, "given": 0}

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        # Workers start at the first batch and not before: by then the epoch is known.
        self.given = self.resumed["given"] if self.resumed["epoch"] == self.order.epoch else 0
        self.resumed = {"epoch": -1, "given": 0}
        self.order.skipped = self.given * (self.batch_size or 1)
        for batch in super().__iter__():
            self.given += 1
            yield batch

    def state_dict(self) -> dict[str, int]:
        """Return the epoch, and the batches served in it."""
        return {"epoch": self.order.epoch, "given": self.given}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Begin that epoch, if it comes next, after as many batches."""
        self.resumed = dict(state)
