"""A training that was stopped and resumed gives the losses, the average and the weights of an unbroken one."""

import os
import signal
from pathlib import Path

import lightning as L
import pytest
import torch
from lightning.pytorch.callbacks import EMAWeightAveraging
from torch.utils.data import DataLoader

from dprdm.training.callbacks import Export
from dprdm.training.loader import TrainingLoader
from dprdm.training.resuming import SeededSteps, Unfinished
from tests.generation.test_model import garments, model, trainer

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*LeafSpec.*:FutureWarning", "ignore:.*does not have many workers", "ignore:Found .* in eval mode"
)


class Augmented:
    """Garments, each mirrored or not by a draw of its own."""

    def __init__(self) -> None:
        self.items = garments(10)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, row: int) -> dict[str, torch.Tensor]:
        item = self.items[row]
        return {**item, "image": item["image"].flip(-1) if torch.rand(()) < 0.5 else item["image"]}


class Losses(L.Callback):
    """Keeps every loss; presses Ctrl-C during a step where told to, or has the process told to end."""

    def __init__(self, interrupt_at: int | None = None, signal: int = int(signal.SIGINT)) -> None:
        self.losses: list[float] = []
        self.interrupt_at, self.signal = interrupt_at, signal

    def on_train_batch_start(self, trainer: L.Trainer, *_: object) -> None:
        if trainer.global_step == self.interrupt_at:
            self.interrupt_at = None
            os.kill(os.getpid(), self.signal)

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: dict, *_: object) -> None:
        self.losses.append(outputs["loss"].item())


def train(
    folder: Path, losses: Losses, seed: int = 0, workers: int = 0, accumulate: int = 1, **options: object
) -> None:
    folder.mkdir(exist_ok=True)
    unfinished = Unfinished(folder / "unfinished.ckpt")
    average = EMAWeightAveraging(decay=0.5)
    of_trainer = trainer(
        folder, max_steps=7, num_sanity_val_steps=0, accumulate_grad_batches=accumulate,
        callbacks=[average, Export(folder / "weights.safetensors"), losses, unfinished, SeededSteps()],
    )  # fmt: skip
    loaders = TrainingLoader(Augmented(), 2, workers), DataLoader(garments(2), 2)
    of_trainer.fit(model(seed, is_decayed=True), *loaders, weights_only=False, **options)


def interrupted(folder: Path, losses: Losses, **options: object) -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(SystemExit):
        train(folder, losses, **options)
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("step", [2, 4, 5])  # within the first epoch of 5 steps, at its very end, within the second
def test_resumed_anywhere_it_ends_as_if_unbroken(tmp_path: Path, step: int) -> None:
    whole, first, rest = Losses(), Losses(step), Losses()
    train(tmp_path / "whole", whole)
    interrupted(tmp_path / "broken", first)
    checkpoint = tmp_path / "broken" / "unfinished.ckpt"
    train(tmp_path / "broken", rest, seed=1, ckpt_path=checkpoint)
    assert len(first.losses) == step + 1  # the step that was under way is kept
    assert first.losses + rest.losses == whole.losses
    exported = [(tmp_path / name / "weights.safetensors").read_bytes() for name in ("whole", "broken")]
    assert exported[0] == exported[1]
    assert not checkpoint.exists()


def test_told_to_end_it_keeps_its_state_too(tmp_path: Path) -> None:
    whole, first, rest = Losses(), Losses(2, signal.SIGTERM), Losses()
    train(tmp_path / "whole", whole)
    interrupted(tmp_path / "broken", first)
    train(tmp_path / "broken", rest, seed=1, ckpt_path=tmp_path / "broken" / "unfinished.ckpt")
    assert first.losses + rest.losses == whole.losses


def test_now_and_then_it_keeps_its_state_unasked(tmp_path: Path) -> None:
    kept = Unfinished(tmp_path / "kept.ckpt", seconds=0)
    kill = Losses()
    kill.on_train_batch_start = lambda trainer, *_: 1 / (3 - trainer.global_step)  # type: ignore[method-assign]
    of_trainer = trainer(tmp_path, max_steps=7, num_sanity_val_steps=0, callbacks=[kill, kept, SeededSteps()])
    with pytest.raises(ZeroDivisionError):
        of_trainer.fit(model(), TrainingLoader(Augmented(), 2), DataLoader(garments(2), 2))
    assert torch.load(tmp_path / "kept.ckpt", weights_only=False)["global_step"] in {1, 2, 3}


def test_accumulated_gradients_are_not_lost(tmp_path: Path) -> None:
    whole, first, rest = Losses(), Losses(3), Losses()
    train(tmp_path / "whole", whole, accumulate=2)
    interrupted(tmp_path / "broken", first, accumulate=2)
    train(tmp_path / "broken", rest, seed=1, accumulate=2, ckpt_path=tmp_path / "broken" / "unfinished.ckpt")
    assert first.losses + rest.losses == whole.losses


def test_workers_change_nothing(tmp_path: Path) -> None:
    alone, helped, seeds = Losses(), Losses(), torch.random.get_rng_state()
    train(tmp_path / "alone", alone)
    train(tmp_path / "helped", helped, workers=1)
    assert alone.losses == helped.losses
    assert len(set(alone.losses)) == 7
    torch.random.set_rng_state(seeds)


def test_a_control_without_seeded_steps_goes_another_way(tmp_path: Path) -> None:
    whole, again = Losses(), Losses()
    for folder, losses, extra in ((tmp_path / "a", whole, [SeededSteps()]), (tmp_path / "b", again, [])):
        of_trainer = trainer(folder, max_steps=2, num_sanity_val_steps=0, callbacks=[losses, *extra])
        of_trainer.fit(model(), TrainingLoader(Augmented(), 2), DataLoader(garments(2), 2))
    assert whole.losses != again.losses


def test_interrupted_it_exports_the_average_and_not_the_last_weights(tmp_path: Path) -> None:
    interrupted(tmp_path, Losses(2))
    checkpoint = torch.load(tmp_path / "unfinished.ckpt", weights_only=False)
    exported = model(seed=1, weights=tmp_path / "weights.safetensors").network.state_dict()
    for name, tensor in exported.items():
        assert torch.equal(tensor, checkpoint["state_dict"]["network." + name].half().float()), name
    last = checkpoint["current_model_state"]
    assert any(not torch.equal(tensor, last["network." + name].half().float()) for name, tensor in exported.items())
