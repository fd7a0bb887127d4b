"""An IP-Adapter draws from released vectors through the same interface."""

from pathlib import Path

import pytest
import torch

from dprdm.errors import UserError
from dprdm.generation.ip_adapter import IpAdapterGenerator
from tests.fakes import unit_rows
from tests.generation.tiny import DIM, tiny_adapter, tiny_stable_diffusion


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ip-adapter")
    tiny_stable_diffusion(folder / "sd")
    tiny_adapter(folder / "adapter" / "models")
    return folder


def generator(folder: Path, **options: object) -> IpAdapterGenerator:
    given = {"embedding_norm": 8.0, "steps": 2, "guidance_scale": 4.0, **options}
    return IpAdapterGenerator(str(folder / "sd"), str(folder / "adapter"), **given)


def render(given: IpAdapterGenerator, scale: float = 1.0, **changes: object) -> torch.Tensor:
    asked = {"seeds": [1, 2], "prompts": ["coat", "bag"], **changes}
    return given.render(scale * torch.from_numpy(unit_rows(2, DIM))[:, None], torch.zeros(2), **asked)


@pytest.mark.parametrize("guidance_scale", [1.0, 4.0])
def test_draws_pixels_that_follow_condition_seed_and_prompt(folder, guidance_scale):
    given = generator(folder, guidance_scale=guidance_scale)
    images = render(given)
    assert images.shape == (2, 3, 16, 16) and images.dtype == torch.uint8
    assert torch.equal(render(given), images)
    for other in ({"scale": -1.0}, {"seeds": [4, 5]}, {"prompts": ["x", "y"]}):
        assert not torch.equal(render(given, **other), images), other


def test_the_direction_counts_and_not_the_length(folder):
    given = generator(folder)
    assert (render(given, scale=0.3).int() - render(given).int()).abs().max() <= 1
    assert not torch.equal(render(generator(folder, embedding_norm=1.0)), render(given))


def test_settings_tell_what_an_image_depends_on(folder):
    given = generator(folder, adapter_scale=0.5)
    assert given.settings()["adapter_scale"] == 0.5 and given.embedding_dim == DIM
    assert not torch.equal(render(given), render(generator(folder)))


def test_a_missing_adapter_is_refused(folder):
    with pytest.raises(UserError, match=r"at .*adapter; loading it failed"):
        generator(folder, weight_name="other.safetensors")
