"""Several processes on one job: one of them decides, the others hear of it, and all of them end together."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

import lightning as L
import torch.distributed as dist
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.pytorch.strategies import ParallelStrategy

from dprdm.errors import RefusedElsewhere, UserError

PATIENCE = timedelta(days=7)  # for the first process, which may have millions of images to embed

Decision = TypeVar("Decision")
Share = TypeVar("Share")


def decide_on_first(
    trainer: L.Trainer, decide: Callable[[], Decision], share: Callable[[Decision], Share]
) -> Decision | Share | None:
    """Run `decide` on the first process, before the Trainer's loop.

    Processes that torchrun or SLURM started wait for it, however long it takes, and get their share of what it returned.
    Processes that Lightning starts itself do not exist before it has returned; they get None at once.

    Args:
        share: of the decision, what the others need to know.
    Raises:
        RefusedElsewhere: on the others, if it raised on the first.
        UserError: on the others, if the first process died.
    """
    if not _others_wait(trainer):
        return decide() if trainer.is_global_zero else None
    trainer.strategy.setup_environment()
    group = dist.new_group(backend="gloo", timeout=PATIENCE)
    assert isinstance(group, dist.ProcessGroup)  # every process is in it
    outcome: list[Share | None] = [None]
    if not trainer.is_global_zero:
        return _hear(outcome, group)
    try:
        decision = decide()
        outcome[0] = share(decision)
    finally:
        dist.broadcast_object_list(outcome, src=0, group=group)
    return decision


@contextmanager
def ending_together(trainer: L.Trainer) -> Iterator[None]:
    """End the processes that Lightning started if the body raises: they would wait for this one in vain."""
    try:
        yield
    except BaseException:
        launcher: Any = trainer.strategy.launcher
        if launcher is not None:
            launcher.kill(signal.SIGKILL)
        raise


def _others_wait(trainer: L.Trainer) -> bool:
    """Whether the other processes exist already."""
    strategy = trainer.strategy
    if trainer.world_size == 1 or not isinstance(strategy, ParallelStrategy):
        return False
    return not isinstance(strategy.cluster_environment, LightningEnvironment)


def _hear(outcome: list[Share | None], group: dist.ProcessGroup) -> Share:
    try:
        dist.broadcast_object_list(outcome, src=0, group=group)
    except RuntimeError as error:
        raise UserError("The first process ended before it had released. Its own message says why.") from error
    if outcome[0] is None:
        raise RefusedElsewhere
    return outcome[0]
