"""`predict` and `render` with a generator that was never trained here, through the front door."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from dprdm.cli import main
from tests.cli.front_door import refusal, runs

pytestmark = pytest.mark.usefixtures("workplace")

ASKED = (
    "--private_store", "store", "--mechanism.k", "5", "--mechanism.sampling_rate", "0.3", "--queries", "40", "--eps", "10",
    "--prompt", "sandal", "--prompt", "coat", "--releases_per_prompt", "2",
)  # fmt: skip


@pytest.fixture
def predict_with_unclip() -> tuple[str, ...]:
    """The project's config, with a tiny pipeline and the demo's encoder in the place of the large ones."""
    from tests.generation.tiny import tiny_unclip

    tiny_unclip(Path("pipeline"))
    encoder = {"class_path": "dprdm.demo.encoder.DemoEncoder"}
    mine = {
        "model": {
            "class_path": "dprdm.generation.unclip.UnclipGenerator",
            "init_args": {"path": "pipeline", "steps": 2},
        },
        "data": {"class_path": "dprdm.data.datamodule.NeighbourDataModule", "init_args": {"encoder": encoder}},
    }
    Path("mine.yaml").write_text(yaml.safe_dump(mine))
    return ("predict", "--config", "unclip.yaml", "--config", "mine.yaml", *ASKED)


def test_predict_needs_no_weights_and_no_public_images(predict_with_unclip: tuple[str, ...]) -> None:
    assert main(predict_with_unclip) == 0
    (run,) = runs()
    images = sorted((run / "images").rglob("*.png"))
    assert len(images) == 4
    with Image.open(images[0]) as image:
        assert image.size == (16, 16) and image.mode == "RGB" and np.asarray(image).std() > 1
    rendering = json.loads((run / "rendering.json").read_text())
    assert rendering["solver"] == "DDIMScheduler" and rendering["reads_prompt"] is True
    assert json.loads((run / "certificate.json").read_text())["num_queries"] == 4


def test_render_draws_the_same_again_and_refuses_other_weights(
    predict_with_unclip: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.generation.tiny import tiny_unclip

    assert main(predict_with_unclip) == 0
    (run,) = runs()
    lost = min((run / "images").rglob("*.png"))
    before = lost.read_bytes()
    lost.unlink()
    conditions = str(run / "conditions.safetensors")
    assert main(["render", conditions]) == 0
    assert lost.read_bytes() == before
    assert "differs in guidance_scale" in refusal(
        capsys, ["render", conditions, "--model.init_args.guidance_scale", "2"]
    )
    assert "Expected no --weights" in refusal(capsys, ["render", conditions, "--weights", "x.safetensors"])
    tiny_unclip(Path("pipeline"), seed=1)
    assert "differs in weights" in refusal(capsys, ["render", conditions])


def test_a_missing_pipeline_costs_nothing(
    predict_with_unclip: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    sentence = refusal(capsys, [*predict_with_unclip, "--model.init_args.path", "nowhere/at-all"])
    assert "Expected a diffusers pipeline of the right kind at nowhere/at-all" in sentence
    assert not Path("store/ledger.sqlite").exists()


@pytest.mark.parametrize("command", ["fit", "validate"])
def test_there_is_nothing_to_train(
    predict_with_unclip: tuple[str, ...], capsys: pytest.CaptureFixture[str], command: str
) -> None:
    sentence = refusal(capsys, [command, "--config", "unclip.yaml", "--config", "mine.yaml"])
    assert "UnclipGenerator is ready as it is" in sentence
    assert not Path("stores").exists()


def test_an_adapter_predicts_through_the_same_door(predict_with_unclip: tuple[str, ...]) -> None:
    from tests.generation.tiny import tiny_adapter, tiny_stable_diffusion

    tiny_stable_diffusion(Path("sd"))
    tiny_adapter(Path("adapter/models"))
    given = {"path": "sd", "adapter": "adapter", "embedding_norm": 8.0, "steps": 2}
    model = {"class_path": "dprdm.generation.ip_adapter.IpAdapterGenerator", "init_args": given}
    described = yaml.safe_load(Path("mine.yaml").read_text())
    Path("adapter.yaml").write_text(yaml.safe_dump(described | {"model": model}))
    assert main([*predict_with_unclip, "--config", "adapter.yaml"]) == 0
    assert len(list(runs()[0].rglob("images/*/*.png"))) == 4
