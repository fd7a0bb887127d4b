"""The generator learns, is written and read without loss of anything but precision, and heeds its condition."""

import json
from dataclasses import replace
from pathlib import Path

import lightning as L
import pytest
import torch
from safetensors import safe_open
from torch.utils.data import DataLoader

from dprdm.demo.fashion import load_split
from dprdm.diffusion.first_stage import PixelBlocks
from dprdm.diffusion.network import NetworkConfig
from dprdm.diffusion.schedule import ScheduleConfig
from dprdm.errors import UserError
from dprdm.generation.model import RetrievalDiffusion, to_images, to_pixels
from tests.fakes import unit_rows

# Lightning 2.6 asks torch 2.14 something in a way that torch calls deprecated.
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*LeafSpec.*:FutureWarning", "ignore:.*does not have many workers", "ignore:Found .* in eval mode"
)

NETWORK = NetworkConfig(
    latent_size=7, latent_channels=4, condition_dim=8, widths=(16, 32), blocks=1, head_width=8, norm_groups=8
)


def model(seed: int = 0, network: NetworkConfig = NETWORK, **options: object) -> RetrievalDiffusion:
    torch.manual_seed(seed)
    schedule = ScheduleConfig("squaredcos_cap_v2", prediction="v_prediction")
    given = {"first_stage": PixelBlocks(2), "learning_rate": 3e-3, "warmup_steps": 5, "steps": 4}
    return RetrievalDiffusion(network, schedule, **{**given, **options}).eval()


def garments(count: int = 8) -> list[dict[str, torch.Tensor]]:
    """Real garments of 14 x 14 with random neighbours."""
    images = torch.from_numpy(load_split("pool")[0][:count, ::2, ::2].copy())[:, None]
    vectors = torch.from_numpy(unit_rows(4 * count, 8)).view(count, 4, 8)
    return [{"image": image, "neighbours": rows} for image, rows in zip(images, vectors, strict=True)]


def trainer(folder: Path, **options: object) -> L.Trainer:
    quiet = {"enable_progress_bar": False, "enable_model_summary": False, "logger": False, "accelerator": "cpu"}
    given = {"enable_checkpointing": False, "default_root_dir": folder}
    return L.Trainer(**{**quiet, **given, **options})


def fit(given: RetrievalDiffusion, folder: Path, **options: object) -> L.Trainer:
    """Train on eight garments; the trainer, when it is done."""
    images, of_trainer = DataLoader(garments(), 8), trainer(folder, num_sanity_val_steps=0, **options)
    of_trainer.fit(given, images, images)
    return of_trainer


def validation_loss(given: RetrievalDiffusion, folder: Path) -> float:
    (result,) = trainer(folder).validate(given, DataLoader(garments(), 8), verbose=False)
    return result["val/loss"]


def render(given: RetrievalDiffusion, noise_std: float = 0.1, seed: int = 1, sign: int = 1) -> torch.Tensor:
    condition = sign * torch.from_numpy(unit_rows(3, 8))[:, None]
    return given.render(condition, torch.full((3,), noise_std), [seed] * 3)


def test_learns_eight_garments(tmp_path):
    given = model()
    before = validation_loss(given, tmp_path)
    assert fit(given, tmp_path, max_steps=60).callback_metrics["train/loss"] > 0
    assert validation_loss(given, tmp_path) < 0.6 * before


def test_validation_draws_the_same_every_time(tmp_path):
    given = model()
    assert validation_loss(given, tmp_path) == validation_loss(given, tmp_path)


def test_training_goes_on_from_a_checkpoint(tmp_path):
    """Ten steps in one go, or five and five: the same number of steps, the same schedule."""
    whole, half, rest = model(), model(), model(seed=1)
    fit(half, tmp_path, max_steps=5).save_checkpoint(tmp_path / "half.ckpt")
    fit(whole, tmp_path, max_steps=10)
    images, resumed = DataLoader(garments(), 8), trainer(tmp_path, max_steps=10, num_sanity_val_steps=0)
    resumed.fit(rest, images, images, ckpt_path=tmp_path / "half.ckpt", weights_only=False)
    assert resumed.global_step == 10 and rest.lr_schedulers().last_epoch == whole.lr_schedulers().last_epoch == 10


@pytest.mark.parametrize("is_decayed", [True, False])
def test_the_learning_rate_warms_up_and_falls_only_where_asked_for(tmp_path, is_decayed):
    given = model(is_decayed=is_decayed)
    fit(given, tmp_path, max_steps=20)
    (rate,) = given.lr_schedulers().get_last_lr()
    assert rate == pytest.approx(0 if is_decayed else 3e-3, abs=1e-9)


def test_what_is_exported_draws_the_same_images(tmp_path):
    """Half precision on the way: images within two grey levels of 255."""
    given, path = model(), tmp_path / "generator.safetensors"
    given.export(path)
    again = model(seed=1, weights=path)
    assert (render(given).int() - render(again).int()).abs().max() <= 2
    assert not torch.equal(render(given), render(model(seed=1)))


def test_an_export_holds_the_networks_weights_what_makes_it_again_and_nothing_else(tmp_path):
    given, path = model(), tmp_path / "generator.safetensors"
    given.export(path)
    with safe_open(path, framework="pt") as file:
        assert set(file.keys()) == set(given.network.state_dict())
        assert file.metadata().keys() == {"generator"} and json.loads(file.metadata()["generator"]) == json.loads(
            json.dumps(given.describe())
        )
    assert path.stat().st_size < 2.2 * sum(tensor.numel() for tensor in given.network.state_dict().values()) + 20_000


@pytest.mark.parametrize("change", [{"widths": (16, 48)}, {"condition_dim": 16}, {"knows_noise": False}])
def test_weights_of_another_network_are_refused(tmp_path, change):
    model(network=replace(NETWORK, **change)).export(tmp_path / "other.safetensors")
    with pytest.raises(UserError, match=r"Expected weights of this network in .*other\.safetensors"):
        model(weights=tmp_path / "other.safetensors")


@pytest.mark.parametrize("content", [b"", b"not weights", b"\x10\0\0\0\0\0\0\0{}"])
def test_damaged_weights_are_refused(tmp_path, content):
    (tmp_path / "damaged.safetensors").write_bytes(content)
    with pytest.raises(UserError, match=r"Expected weights of this network in .*damaged\.safetensors"):
        model(weights=tmp_path / "damaged.safetensors")


def test_missing_weights_are_named(tmp_path):
    with pytest.raises(UserError, match=r"Expected weights at .*gone\.safetensors, and there are none"):
        model(weights=tmp_path / "gone.safetensors")


def test_renders_pixels_that_follow_condition_noise_level_and_seed():
    given = model()
    images = render(given)
    assert images.shape == (3, 1, 14, 14) and images.dtype == torch.uint8
    assert torch.equal(render(given), images)
    for other in (render(given, noise_std=0.2), render(given, seed=2), render(given, sign=-1)):
        assert not torch.equal(other, images)


def test_predict_step_renders_what_the_batch_names():
    given = model()
    condition = torch.from_numpy(unit_rows(3, 8))[:, None]
    batch = {
        "condition": condition,
        "noise_std": torch.full((3,), 0.1),
        "seed": torch.tensor([1, 1, 1]),
        "prompt": ["a"] * 3,
        "query": torch.zeros(3, 8),
    }
    assert torch.equal(given.predict_step(batch, 0), render(given))


def reader(**options: object) -> RetrievalDiffusion:
    """A model whose network reads queries, and has learnt to tell them apart."""
    given = model(network=replace(NETWORK, reads_query=True), **options)
    torch.nn.init.normal_(given.network.query_mark)
    return given


def test_a_network_that_reads_queries_heeds_them_and_no_query_is_a_zero_one():
    given, condition, clean = reader(), torch.from_numpy(unit_rows(3, 8))[:, None], torch.zeros(3)
    queries = torch.from_numpy(unit_rows(3, 8, seed=5))
    drawn = {sign: given.render(condition, clean, [1] * 3, queries=sign * queries) for sign in (-1, 0, 1)}
    assert not torch.equal(drawn[1], drawn[0]) and not torch.equal(drawn[1], drawn[-1])
    assert torch.equal(drawn[0], given.render(condition, clean, [1] * 3))
    plain = model()
    assert torch.equal(
        plain.render(condition, clean, [1] * 3, queries=queries), plain.render(condition, clean, [1] * 3)
    )


@pytest.mark.parametrize("query_dropout", [0.0, 1.0])
def test_training_withholds_queries_and_validation_never_does(query_dropout):
    given = reader(query_dropout=query_dropout)
    images = torch.stack([item["image"] for item in garments()])
    batch = {"image": images, "neighbours": torch.stack([item["neighbours"] for item in garments()])}
    for training in (True, False):
        given.train(training)
        first, second = (
            given.loss({**batch, "query": torch.from_numpy(unit_rows(8, 8, seed))}, torch.Generator().manual_seed(0))
            for seed in (5, 6)
        )
        assert torch.equal(first, second) == (training and query_dropout == 1)


def test_a_network_that_reads_queries_is_not_trained_without_them(tmp_path):
    with pytest.raises(UserError, match="Expected data with serves_queries: true"):
        fit(reader(), tmp_path, max_steps=1)


def test_the_fingerprint_follows_the_weights():
    given = model()
    before = given.fingerprint()
    assert model().fingerprint() == before != model(seed=1).fingerprint()
    given.network.null_condition.data[0] += 1
    assert given.fingerprint() != before


def test_hazard_03_no_option_of_a_release_is_a_hyperparameter():
    """A checkpoint's hyperparameters may overrule the command line; so none of them may concern privacy."""
    assert not {"eps", "delta", "queries", "mechanism", "retriever", "noise_std"} & set(model().hparams)


def test_pixels_and_images_undo_each_other():
    pixels = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    assert torch.equal(to_pixels(to_images(pixels)), pixels)
    assert to_images(pixels).aminmax() == (-1, 1)
    assert to_pixels(torch.tensor([[[[-3.0, 3.0]]]])).flatten().tolist() == [0, 255]
