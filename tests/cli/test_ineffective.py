"""Options of privacy that would have no effect, through the front door: whoever gives one believes in it."""

from pathlib import Path

import pytest

from dprdm.cli import main
from tests.cli.front_door import SMALL, predict, refusal, runs

pytestmark = pytest.mark.usefixtures("workplace")


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--codebook", "c.safetensors", "--eps", "1"], "Expected no --eps with --codebook"),
        (["--codebook", "c.safetensors", "--delta=1e-9"], "Expected no --delta with --codebook"),
        (["--conditions", "c.safetensors", "--noise_std", "3"], "Expected no --noise_std with --conditions"),
        (["--conditions", "c.safetensors", "--mechanism", "gaussian"], "Expected no --mechanism with --conditions"),
        (["--retriever", "public", "--account", "research"], "Expected no --account with --retriever public"),
        (["--mechanism", "nonprivate", "--noise_std", "0.2"], "Expected no --noise_std with --mechanism nonprivate"),
    ],
)
def test_an_option_of_privacy_without_effect_is_refused(
    more: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    sentence_said = refusal(capsys, ["predict", "--config", "demo.yaml", *more])
    assert sentence in sentence_said and "it would have no effect. Leave it out." in sentence_said
    assert not runs() and not Path("store/ledger.sqlite").exists()


def test_a_rendering_takes_no_budget(capsys: pytest.CaptureFixture[str]) -> None:
    assert predict("--name", "x") == 0
    conditions = "runs/x/conditions.safetensors"
    assert "Expected no --eps with --conditions" in refusal(capsys, ["render", conditions, "--eps", "0.1"])
    assert main(["render", conditions]) == 0  # its config has one


def test_private_images_of_persons_need_a_store_of_persons(
    private_images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = sorted(path.name for path in private_images.iterdir())
    Path("table.csv").write_text("\n".join(["file,person", *(f"{name},anna" for name in names)]))
    named = [
        "--private.class_path", "dprdm.data.readers.folder.ImageFolder", "--private.init_args.folder", str(private_images),
        "--private.init_args.captions", "table.csv", "--private.init_args.group_column", "person",
    ]  # fmt: skip
    asked = ["predict", "--mechanism", "gaussian", "--eps", "10", *SMALL, *named]
    assert "Expected a store of persons, since --private names persons" in refusal(capsys, asked)
    assert not runs() and not Path("store/ledger.sqlite").exists()
