"""What is exported beside training is there whenever training ends."""

import lightning as L
import pytest
import torch

from dprdm.training.callbacks import Export, LearningRate
from tests.generation.test_model import fit, model, trainer

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*LeafSpec.*:FutureWarning", "ignore:.*does not have many workers", "ignore:Found .* in eval mode"
)


class StopAt(L.Callback):
    """Raises at a step."""

    def __init__(self, step, error):
        self.step, self.error = step, error

    def on_train_batch_end(self, trainer, *_):
        if trainer.global_step == self.step:
            raise self.error


def trained(path, tmp_path, *more):
    given = model()
    fit(given, tmp_path, max_steps=3, callbacks=[Export(path), *more])
    return given


def test_exports_the_trained_weights_at_the_end(tmp_path):
    path = tmp_path / "deep" / "er" / "generator.safetensors"
    given = trained(path, tmp_path)
    for name, tensor in model(seed=1, weights=path).network.state_dict().items():
        assert torch.equal(tensor, given.network.state_dict()[name].half().float()), name


def test_exports_what_there_is_when_interrupted(tmp_path):
    path = tmp_path / "generator.safetensors"
    with pytest.raises(SystemExit):
        trained(path, tmp_path, StopAt(2, KeyboardInterrupt()))
    model(seed=1, weights=path)


def test_exports_nothing_after_a_failure(tmp_path):
    path = tmp_path / "generator.safetensors"
    with pytest.raises(ZeroDivisionError):
        trained(path, tmp_path, StopAt(2, ZeroDivisionError()))
    assert not path.exists()


def test_exports_the_average_where_weights_are_averaged(tmp_path):
    from lightning.pytorch.callbacks import EMAWeightAveraging

    path = tmp_path / "generator.safetensors"
    given = model(warmup_steps=1)
    start = {name: tensor.clone() for name, tensor in given.network.state_dict().items()}
    average = EMAWeightAveraging(decay=0.999999)  # it stays where it began
    fit(given, tmp_path, max_steps=20, callbacks=[average, Export(path)])
    exported = model(seed=1, weights=path).network.state_dict()
    moved = max((exported[name] - tensor).abs().max().item() for name, tensor in start.items())
    assert moved < 0.005


def test_logs_the_learning_rate_of_each_step(tmp_path):
    given = model(warmup_steps=4)  # of 3e-3
    assert fit(given, tmp_path, max_steps=3, callbacks=[LearningRate()]).callback_metrics["lr"] == pytest.approx(
        2.25e-3
    )


def test_a_module_that_exports_nothing_is_left_alone(tmp_path):
    callback = Export(tmp_path / "x")
    callback.on_fit_end(trainer(tmp_path), L.LightningModule())
    assert not (tmp_path / "x").exists()


def test_one_process_exports(tmp_path, monkeypatch):
    monkeypatch.setattr(L.Trainer, "is_global_zero", False)
    trained(tmp_path / "x", tmp_path)
    assert not (tmp_path / "x").exists()
