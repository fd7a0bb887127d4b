"""The configs of the paper: its settings, one network for all, and real runs of them on small data in the real layouts."""

import contextlib
import functools
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from dprdm.cli import main
from dprdm.demo.fashion import FashionDemo
from dprdm.retrieval.store import PrivateStore
from tests.cli.front_door import refusal
from tests.data.readers.archives import write_tar

NAMES = ("imagenet_rdm_fb", "imagenet_rdm_adapt", "coco", "cifar10", "shutterstock")
ADAPT = ("imagenet_rdm_adapt", "cifar10", "shutterstock")
DEVICES = 8
SCHEDULE = {"beta_schedule": "scaled_linear", "beta_start": 0.0015, "beta_end": 0.0195, "prediction": "epsilon"}
# A network that trains in a moment, on pixels, with the demo's encoder. `fit` and `predict` are otherwise as configured.
TINY = (
    "--model.init_args.network.latent_size", "8", "--model.init_args.network.condition_dim", "64",
    "--model.init_args.network.widths", "[8, 16, 16, 16]", "--model.init_args.network.head_width", "8",
    "--model.init_args.network.norm_groups", "4", "--model.init_args.network.blocks", "1",
    "--model.init_args.first_stage", "dprdm.diffusion.first_stage.PixelBlocks",
    "--data.init_args.encoder", "dprdm.demo.encoder.DemoEncoder",
    "--data.init_args.image_size", "8", "--data.init_args.batch_size", "4", "--data.init_args.num_workers", "0",
    "--data.init_args.validation_size", "4",
)  # fmt: skip
FEW_STEPS = (
    "--trainer.max_steps", "2", "--trainer.accumulate_grad_batches", "1", "--trainer.precision", "32",
    "--trainer.limit_val_batches", "1",
)  # fmt: skip


@functools.cache
def settings(name: str) -> dict[str, Any]:
    """The config as the program resolves it."""
    with contextlib.redirect_stdout(io.StringIO()) as printed, pytest.raises(SystemExit):
        main(["fit", "--config", f"{name}.yaml", "--print_config"])
    return yaml.safe_load(printed.getvalue())


def garments(count: int, seed: int) -> list[Image.Image]:
    source = FashionDemo("pool")
    return [
        source.image(index).convert("RGB") for index in np.random.default_rng(seed).permutation(1000)[:count].tolist()
    ]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a small ImageNet where the configs look for it."""
    monkeypatch.chdir(tmp_path)
    for number, image in enumerate(garments(24, seed=0)):
        wnid = ("n01440764", "n01484850")[number % 2]
        path = Path("data/imagenet/train_blurred") / wnid / f"{wnid}_{number}.JPEG"
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path, "JPEG")
    Path("data/imagenet/LOC_synset_mapping.txt").write_text("n01440764 coat\nn01484850 sandal\n")
    return tmp_path


@pytest.mark.parametrize("name", NAMES)
def test_the_generator_is_the_papers(name: str) -> None:
    config = settings(name)
    model, data, trainer = config["model"]["init_args"], config["data"]["init_args"], config["trainer"]
    network = model["network"]
    assert (network["widths"], network["blocks"], network["head_width"]) == ([192, 384, 576, 960], 2, 32)
    assert (network["attention"], network["condition_dim"]) == ([False, True, True, True], 512)
    assert (network["latent_size"], network["latent_channels"], network["knows_noise"]) == (64, 3, False)
    assert model["schedule"] == SCHEDULE
    assert model["first_stage"]["init_args"]["scale"] == 1.0
    assert (model["learning_rate"], model["warmup_steps"], model["is_decayed"]) == (1e-4, 100, False)
    assert (model["solver"], model["steps"], model["condition_dropout"]) == ("ddim", 100, 0.0)
    assert (data["k"], data["image_size"], data["spread"]) == (4, 256, None)
    encoder = data["encoder"]["init_args"]
    assert (encoder["model"], encoder["pretrained"]) == ("ViT-B-16-quickgelu/metaclip_400m", None)
    assert data["batch_size"] * DEVICES * trainer["accumulate_grad_batches"] == 1280
    (average,) = [one for one in trainer["callbacks"] if one["class_path"].endswith("EMAWeightAveraging")]
    assert average["init_args"]["decay"] == 0.9999


def test_all_share_one_network_and_those_on_imagenet_one_training() -> None:
    configs = {name: settings(name) for name in NAMES}
    assert len({json.dumps(config["model"]["init_args"]["network"]) for config in configs.values()}) == 1
    trained = {
        name: {key: value for key, value in configs[name]["model"]["init_args"].items() if key != "guidance_scale"}
        for name in ADAPT
    }
    assert len({json.dumps(one) for one in trained.values()}) == 1
    assert len({json.dumps(configs[name]["data"]) for name in ADAPT}) == 1
    assert len({(configs[name]["weights"], json.dumps(configs[name]["trainer"])) for name in ADAPT}) == 1


@pytest.mark.parametrize(
    ("name", "is_aggregated", "max_noise_std"),
    [("imagenet_rdm_fb", False, 0.0), *((name, True, 0.05) for name in (*ADAPT, "coco"))],
)
def test_neighbours_are_averaged_and_noised_as_named(name, is_aggregated, max_noise_std):
    model = settings(name)["model"]["init_args"]
    assert (model["is_aggregated"], model["max_noise_std"]) == (is_aggregated, max_noise_std)


@pytest.mark.parametrize(
    ("name", "records", "k", "sampling_rate", "queries", "noise_std", "guidance"),
    [
        ("imagenet_rdm_adapt", 82_783, 20, 0.0013217926, 100, 0.035, 2.0),
        ("cifar10", 50_000, 23, 0.01, 1000, 0.0492, 1.25),
        ("shutterstock", 239_000_000, 17, 0.01, 100, 0.065, 2.0),
    ],
)
def test_the_release_is_the_papers(name, records, k, sampling_rate, queries, noise_std, guidance, capsys):
    """The noise that the paper's rows have: ours, for epsilon 10 by the tighter accountant, is at most that and near it."""
    config = settings(name)
    mechanism = config["mechanism"]
    assert mechanism["class_path"].endswith("Gaussian") and config["eps"] == 10 and config["queries"] == queries
    assert (mechanism["init_args"]["k"], mechanism["init_args"]["sampling_rate"]) == (k, sampling_rate)
    assert config["model"]["init_args"]["guidance_scale"] == guidance
    plan = ["--eps", "10", "--queries", str(queries), "--k", str(k), "--sampling_rate", str(sampling_rate)]
    assert main(["plan", "--records", str(records), *plan, "--json"]) == 0
    solved = json.loads(capsys.readouterr().out)
    assert 0.8 * noise_std < solved["noise_std"] <= 1.02 * noise_std


@pytest.mark.parametrize("name", [name for name in NAMES if name != "coco"])
def test_each_says_what_to_unpack_where(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert "Expected ImageNet in data/imagenet" in refusal(capsys, ["fit", "--config", f"{name}.yaml"])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["imagenet_rdm_fb", "imagenet_rdm_adapt"])
def test_trains_on_folders_of_imagenet(name: str, here: Path) -> None:
    assert main(["fit", "--config", f"{name}.yaml", *TINY, *FEW_STEPS]) == 0
    assert Path(f"runs/{name}/generator.safetensors").is_file() and Path(f"runs/{name}/last.ckpt").is_file()


def test_releases_from_a_private_web_data_set(here: Path) -> None:
    images = garments(40, seed=1)
    for shard in range(2):
        members = []
        for number in range(20):
            images[shard * 20 + number].save(path := Path("one.png"))
            members += [(f"{number:05d}.png", path.read_bytes()), (f"{number:05d}.txt", b"private words")]
        write_tar(Path(f"data/shutterstock/{shard:05d}.tar"), members)
    assert main(["fit", "--config", "shutterstock.yaml", *TINY, *FEW_STEPS]) == 0
    small = ("--private.init_args.shards", "data/shutterstock/{00000..00001}.tar", "--mechanism.k", "5")
    ask = ("--mechanism.sampling_rate", "0.5", "--model.init_args.steps", "2", "--name", "run")
    assert main(["predict", "--config", "shutterstock.yaml", *TINY, *small, *ask]) == 0
    assert len(PrivateStore(Path("stores/shutterstock-private"))) == 40
    assert len(list(Path("runs/run").rglob("*.png"))) >= 2  # one a class name, the public data's own prompts
    written = "".join(path.read_text() for path in Path("runs/run").rglob("*.json*"))
    assert "private words" not in written
