"""One string names a model and its weights, and is read without loading anything."""

from pathlib import Path

import pytest

from dprdm.encoders.naming import names_clip, split_name
from dprdm.errors import UserError
from tests.fakes import DEMO_CLIP


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("clip.pt", "models/clip.pt", "models/mine.json", "runs/encoder.safetensors"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).touch()


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("ViT-B-32/laion2b_s34b_b79k", ("ViT-B-32", "laion2b_s34b_b79k")),
        ("ViT-B-32/models/clip.pt", ("ViT-B-32", "models/clip.pt")),
        ("models/mine.json/models/clip.pt", ("models/mine.json", "models/clip.pt")),
        ("models/mine.json/clip.pt", ("models/mine.json", "clip.pt")),
        ("runs/encoder.safetensors", ("runs/encoder.safetensors", "runs/encoder.safetensors")),
        ("hf-hub:timm/ViT-B-16-SigLIP", ("hf-hub:timm/ViT-B-16-SigLIP", None)),
        ("models/mine.json", ("models/mine.json", None)),
        ("ViT-B-32", ("ViT-B-32", None)),
        (DEMO_CLIP, tuple(f"dprdm/demo/assets/{file}" for file in ("dprdm_demo_clip.json", "encoder.safetensors"))),
    ],
)
def test_a_name_stands_for_a_model_and_its_weights(name: str, parts: tuple[str, str | None]) -> None:
    assert split_name(name) == parts
    assert names_clip(name) == (name != "ViT-B-32")


def test_paths_may_be_absolute(tmp_path: Path) -> None:
    weights, config = tmp_path / "clip.pt", tmp_path / "models/mine.json"
    assert split_name(f"ViT-B-32/{weights}") == ("ViT-B-32", str(weights))
    assert split_name(f"{config}/{weights}") == (str(config), str(weights))


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("runs/gone.safetensors", r"weights of an encoder at runs/gone\.safetensors, or of runs at gone\.safetensors"),
        ("ViT-B-32/gone.pt", r"or of ViT-B-32 at gone\.pt; there is no such file"),
        ("models/mine.json/gone.pt", r"at gone\.pt; there is no such file"),
        ("gone.json/clip.pt", r"Expected an open_clip model config at gone\.json"),
        ("gone.json", r"Expected an open_clip model config at gone\.json"),
    ],
)
def test_a_file_that_is_missing_is_named(name: str, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        split_name(name)
