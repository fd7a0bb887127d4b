"""Switches of speed and memory: what they may change, and that a release never sees them."""

import copy
import functools
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader

from dprdm.privacy.noise import SecureNoise
from dprdm.runs.run_folder import Conditions
from tests.cli.front_door import predict
from tests.fakes import coins
from tests.generation.test_model import fit, garments, model, render, trainer

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*LeafSpec.*:FutureWarning", "ignore:.*does not have many workers", "ignore:Found .* in eval mode"
)

SWITCHES = ("channels_last", "gradient_checkpointing")


def gradients(**options: object) -> dict[str, torch.Tensor]:
    """Of one training step, with the same draws every time."""
    given = model(**options).train()
    images = torch.stack([item["image"] for item in garments()])
    neighbours = torch.stack([item["neighbours"] for item in garments()])
    given.loss({"image": images, "neighbours": neighbours}, torch.Generator().manual_seed(3)).backward()
    return {name: weight.grad for name, weight in given.network.named_parameters() if weight.grad is not None}


@pytest.mark.parametrize("switch", SWITCHES)
def test_images_are_the_same(switch):
    assert (render(model(**{switch: True})).int() - render(model()).int()).abs().max() <= 1


@pytest.mark.parametrize("switch", SWITCHES)
def test_gradients_are_the_same(switch):
    plain, switched = gradients(), gradients(**{switch: True})
    assert set(plain) == set(switched) and len(plain) > 100
    for name, gradient in plain.items():
        torch.testing.assert_close(switched[name], gradient, rtol=1e-4, atol=1e-6)


def test_the_switches_are_on():
    unet = model(channels_last=True, gradient_checkpointing=True).network.unet
    assert unet.conv_in.weight.is_contiguous(memory_format=torch.channels_last) and unet.is_gradient_checkpointing


def test_checkpointing_computes_activations_twice():
    calls = []
    for options in ({}, {"gradient_checkpointing": True}):
        given, count = model(**options).train(), [0]
        block = given.network.unet.mid_block.resnets[-1]  # the first is not part of a checkpoint in diffusers
        block.register_forward_pre_hook(lambda *_, count=count: count.__setitem__(0, count[0] + 1))
        batch = {name: torch.stack([item[name] for item in garments()]) for name in ("image", "neighbours")}
        given.loss(batch).backward()
        calls.append(count[0])
    assert calls == [1, 2]


def test_a_compiled_network_keeps_its_names_and_its_images(tmp_path, monkeypatch):
    """Traced and run without a C++ compiler here, to be quick; the tracing is what can fail on our code."""
    monkeypatch.setattr(nn.Module, "compile", functools.partialmethod(nn.Module.compile, backend="eager"))
    given = model(compiled=True)
    assert given.network.unet._compiled_call_impl is not None
    assert set(given.network.state_dict()) == set(model().network.state_dict())
    assert given.fingerprint() == model().fingerprint()
    given.export(tmp_path / "generator.safetensors")
    again = model(seed=1, weights=tmp_path / "generator.safetensors")
    assert (render(given).int() - render(again).int()).abs().max() <= 2


def test_a_compiled_network_can_be_copied():
    """As averaging its weights does. (Tracing a training step takes half a minute, so that is left to the benchmark.)"""
    given = model(compiled=True)
    copied = copy.deepcopy(given)
    assert copied.fingerprint() == given.fingerprint()
    assert given.network.unet._compiled_call_impl is not None


def test_weights_load_into_any_arrangement(tmp_path):
    model(seed=1).export(tmp_path / "x.safetensors")
    given = model(channels_last=True, weights=tmp_path / "x.safetensors")
    plain = model(weights=tmp_path / "x.safetensors")
    assert given.fingerprint() == plain.fingerprint()
    given.export(tmp_path / "y.safetensors")
    assert (tmp_path / "y.safetensors").read_bytes() == (tmp_path / "x.safetensors").read_bytes()


@pytest.mark.parametrize(("accumulated", "kept"), [(1, [False] * 4), (2, [False, True, False, True])])
def test_gradients_are_kept_only_where_they_accumulate(tmp_path, accumulated, kept):
    """Into a forward pass: there they would lie beside the activations, at the peak of memory."""
    given, images, seen = model(), DataLoader(garments(8), 2), []
    weight = given.network.unet.conv_in.weight
    given.network.unet.register_forward_pre_hook(lambda *_: seen.append(weight.grad is not None))
    fitted = trainer(tmp_path, max_epochs=1, accumulate_grad_batches=accumulated, num_sanity_val_steps=0)
    fitted.fit(given, images, images)
    assert seen[:4] == kept
    assert fitted.global_step == given.lr_schedulers().last_epoch == 4 // accumulated


def test_trains_in_mixed_precision_with_full_precision_weights_and_loss(tmp_path):
    given = model()
    before = {name: tensor.clone() for name, tensor in given.network.state_dict().items()}
    fitted = fit(given, tmp_path, max_steps=3, precision="bf16-mixed")
    loss = fitted.callback_metrics["train/loss"]
    assert loss.dtype == torch.float32 and loss.isfinite()
    after = given.network.state_dict()
    assert {tensor.dtype for tensor in after.values()} == {torch.float32}
    assert any(not torch.equal(after[name], tensor) for name, tensor in before.items())


def test_a_release_never_sees_the_switches(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same coins give the same release to the last bit, and the images differ by no more than the precision."""
    switches = (
        "--trainer.precision", "bf16-mixed", "--model.init_args.channels_last", "true",
        "--model.init_args.gradient_checkpointing", "true",
    )  # fmt: skip
    monkeypatch.setattr("dprdm.workflows.predict.SecureNoise", lambda: SecureNoise(coins(7)))
    released = {}
    for name, more in [("plain", ()), ("switched", switches)]:
        shutil.copytree("store", f"store-{name}")
        assert predict("--private_store", f"store-{name}", "--name", name, *more) == 0
        released[name] = Conditions.load(Path("runs") / name / "conditions.safetensors")
    for part in ("released", "condition", "noise_std", "queries"):
        np.testing.assert_array_equal(getattr(released["plain"], part), getattr(released["switched"], part))
    for path in Path("runs/plain/images").rglob("*.png"):
        switched = Image.open(Path("runs/switched") / path.relative_to("runs/plain"))
        difference = np.abs(np.asarray(Image.open(path), float) - np.asarray(switched, float))
        assert difference.max() > 0 and difference.mean() < 8
