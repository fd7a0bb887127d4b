"""Stable unCLIP draws from noisy embeddings as it would have made them noisy itself."""

from pathlib import Path

import pytest
import torch
from diffusers import StableUnCLIPImg2ImgPipeline

from dprdm.errors import UserError
from dprdm.generation.unclip import ReleasedUnclip, UnclipGenerator
from tests.fakes import unit_rows
from tests.generation.tiny import DIM, tiny_stable_diffusion, tiny_unclip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_unclip(tmp_path_factory.mktemp("unclip"), mean=0.1, std=0.7))


def generator(folder: str, **options: object) -> UnclipGenerator:
    return UnclipGenerator(folder, **{"steps": 2, "guidance_scale": 4.0, **options})


def conditions(count: int = 3) -> torch.Tensor:
    return torch.from_numpy(unit_rows(count, DIM))[:, None]


def render(given: UnclipGenerator, noise_std: float = 0.05, sign: int = 1, **changes: object) -> torch.Tensor:
    asked = {"seeds": [1, 2, 3], "prompts": ["coat", "bag", "coat"], **changes}
    return given.render(sign * conditions(), torch.full((3,), noise_std), **asked)


@pytest.mark.parametrize("level", [0, 300, 700])
def test_an_embedding_that_is_noisy_already_enters_as_one_that_the_pipeline_made_noisy(folder, level):
    """e + ratio * deviation * z, scaled without noise, is what the pipeline makes of e and z."""
    ours, theirs = ReleasedUnclip.from_pretrained(folder), StableUnCLIPImg2ImgPipeline.from_pretrained(folder)
    draw = torch.Generator().manual_seed(0)
    clean, noise = (torch.randn(2, DIM, generator=draw) for _ in range(2))
    kept = theirs.image_noising_scheduler.alphas_cumprod[level]
    noisy = clean + ((1 - kept) / kept).sqrt() * theirs.image_normalizer.std * noise
    expected = theirs.noise_image_embeddings(clean, level, noise=noise)
    torch.testing.assert_close(ours.noise_image_embeddings(noisy, level), expected)


def test_the_noise_level_has_the_releases_noise_to_signal(folder):
    """Exactly on the schedule; the nearest of it elsewhere; its ends beyond."""
    given = generator(folder)
    kept = given.pipeline.image_noising_scheduler.alphas_cumprod
    schedule = ((1 - kept) / kept).sqrt()
    assert given.noise_levels(schedule).tolist() == list(range(1000))
    assert given.noise_levels(torch.tensor([0.0, 1e9])).tolist() == [0, 999]
    assert schedule[given.noise_levels(torch.tensor([0.5])).item()].item() == pytest.approx(0.5, rel=0.01)


def test_the_signal_gets_the_length_of_an_embedding_and_the_noise_is_stretched_with_it(folder):
    given, noise_std = generator(folder, embedding_norm=10.0), 0.05
    signal = 0.8 * conditions(400)[:, 0]  # a mean of neighbours is shorter than they are
    noise = noise_std * torch.randn(400, DIM, generator=torch.Generator().manual_seed(0))
    embeddings, levels = given.as_pipeline_sees(signal + noise, torch.full((400,), noise_std))
    length = (embeddings.square().sum(1) - DIM * (noise_std * 10 / 0.8) ** 2).mean().sqrt()
    assert length.item() == pytest.approx(10, rel=0.03)
    kept = given.pipeline.image_noising_scheduler.alphas_cumprod[levels]
    assert ((1 - kept) / kept).sqrt().mean().item() == pytest.approx(noise_std * 10 / 0.8 / 0.7, rel=0.03)


def test_without_noise_the_level_is_zero_and_the_length_exact(folder):
    given = generator(folder)
    embeddings, levels = given.as_pipeline_sees(0.5 * conditions()[:, 0], torch.zeros(3))
    assert levels.tolist() == [0, 0, 0]
    own_norm = (DIM * (0.1**2 + 0.7**2)) ** 0.5
    torch.testing.assert_close(embeddings.norm(dim=1), torch.full((3,), own_norm))


def test_a_vector_of_noise_alone_is_not_blown_up(folder):
    embeddings, _ = generator(folder, embedding_norm=10.0).as_pipeline_sees(1e-6 * conditions()[:, 0], torch.ones(3))
    assert embeddings.norm(dim=1).max() <= 1.01e-4


def test_draws_pixels_that_follow_condition_noise_level_seed_and_prompt(folder):
    given = generator(folder)
    images = render(given)
    assert images.shape == (3, 3, 16, 16) and images.dtype == torch.uint8
    assert torch.equal(render(given), images)
    others = [{"sign": -1}, {"noise_std": 0.2}, {"seeds": [4, 5, 6]}, {"prompts": ["x", "y", "z"]}]
    for other in others:
        assert not torch.equal(render(given, **other), images), other
    alone = generator(folder, reads_prompt=False)
    assert torch.equal(render(alone, prompts=["x", "y", "z"]), render(alone))


def test_an_image_does_not_depend_on_its_batch(folder):
    given, noise_std = generator(folder), torch.tensor([0.02, 0.3, 0.02])
    together = given.render(conditions(), noise_std, [1, 2, 3], ["a", "b", "c"])
    for place in range(3):
        alone = given.render(conditions()[[place]], noise_std[[place]], [place + 1], ["abc"[place]])
        assert (alone[0].int() - together[place].int()).abs().max() <= 1


def test_the_fingerprint_follows_the_weights(folder, tmp_path):
    other = generator(str(tiny_unclip(tmp_path / "other", mean=0.1, std=0.7, seed=1)))
    assert generator(folder).fingerprint() == generator(folder).fingerprint() != other.fingerprint()


def test_what_does_not_fit_is_refused(folder, tmp_path):
    with pytest.raises(UserError, match=r"one vector of 64 numbers for this pipeline, got 1 x 32"):
        generator(folder).render(torch.zeros(1, 1, 32), torch.zeros(1), [1])
    with pytest.raises(UserError, match=r"got 4 x 64"):
        generator(folder).render(torch.zeros(1, 4, 64), torch.zeros(1), [1])
    with pytest.raises(UserError, match="Expected no --weights for UnclipGenerator"):
        generator(folder).load_weights(Path("x.safetensors"))
    for path in (str(tmp_path / "none"), str(tiny_stable_diffusion(tmp_path / "sd"))):
        with pytest.raises(UserError, match=f"Expected a diffusers pipeline of the right kind at {path}"):
            generator(path)
    with pytest.raises(UserError, match=r"embedding_norm=-1\.0 above 0"):
        generator(folder, embedding_norm=-1.0)


def test_a_missing_package_is_named(folder, monkeypatch):
    def fail(_):
        raise ImportError("no transformers")

    monkeypatch.setattr(ReleasedUnclip, "from_pretrained", fail)
    with pytest.raises(UserError, match=r"package transformers.*dprdm\[pipelines\]"):
        generator(folder)
