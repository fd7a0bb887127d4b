"""Every config that comes with the project parses, says how to run it, and names files that exist or are explained."""

from pathlib import Path

import pytest
import yaml

from dprdm.cli import main

ALL = sorted((Path(__file__).parents[1] / "configs").glob("*.yaml"))
OF_TEST = [path for path in ALL if path.name.endswith("_test.yaml")]
CONFIGS = [path for path in ALL if path not in OF_TEST]
# Those of commands that need no Trainer, by the command.
MEASURING = {
    "demo_attack.yaml": "attack",
    "demo_fidelity.yaml": "fidelity",
    "demo_sweep.yaml": "sweep",
    "fashion_sweep.yaml": "sweep",
}


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_parses_and_prints(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as done:
        main([MEASURING.get(path.name, "fit"), "--config", path.name, "--print_config"])
    assert done.value.code == 0
    printed = yaml.safe_load(capsys.readouterr().out)
    described = {"sweep": "stand_in", "attack": "data", "fidelity": "data"}.get(MEASURING.get(path.name, ""), "model")
    assert printed[described]["class_path"].startswith("dprdm.")


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_its_header_is_the_command_that_runs_it(path: Path) -> None:
    header = [line for line in path.read_text().splitlines() if line.startswith("#")]
    assert any(
        f"python main.py {command} --config {path.name}" in line
        for line in header
        for command in ("fit", "predict", *MEASURING.values())
    )


@pytest.mark.parametrize("path", OF_TEST, ids=lambda path: path.name)
def test_one_of_test_parses_and_its_header_is_the_command(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as done:
        main(["test", "runs/any", "--config", path.name, "--print_config"])
    assert done.value.code == 0
    assert yaml.safe_load(capsys.readouterr().out)["features"]["class_path"].startswith("dprdm.")
    assert f"python main.py test runs/NAME runs/ANOTHER --config {path.name}" in path.read_text()


def networks(node: object) -> list[object]:
    """Every `network` anywhere in a config."""
    if isinstance(node, list):
        return [found for item in node for found in networks(item)]
    if not isinstance(node, dict):
        return []
    return [found for name, value in node.items() for found in ([value] if name == "network" else networks(value))]


@pytest.mark.parametrize("path", [p for p in ALL if p.name.startswith("demo_")], ids=lambda path: path.name)
def test_a_network_of_the_demo_is_the_one_its_weights_are_of(path: Path) -> None:
    (demos,) = networks(yaml.safe_load((path.parent / "demo.yaml").read_text()))
    assert all(network == demos for network in networks(yaml.safe_load(path.read_text())))


def test_coco_says_what_to_download(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["fit", "--config", "coco.yaml"]) == 2
    sentence = capsys.readouterr().err.strip()
    assert "train2014.zip" in sentence
    assert "data/coco/annotations/captions_train2014.json" in sentence
    assert len(sentence.splitlines()) == 1
