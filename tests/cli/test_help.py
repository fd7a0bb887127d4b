"""The help of every command names its options, fits a screen, and says nothing that the parser does not take."""

import importlib
import inspect
import re
from dataclasses import fields

import pytest
import yaml

from dprdm.cli import main
from dprdm.cli.commands import COMMANDS
from dprdm.cli.help import GROUPS
from dprdm.workflows.options import PredictOptions


def page(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    assert main(arguments) == 0
    return capsys.readouterr().out


def named(text: str) -> set[str]:
    return set(re.findall(r"^  --([\w.]+)", text, re.MULTILINE))


@pytest.mark.parametrize("command", COMMANDS)
def test_fits_a_screen(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = page(capsys, command, "--help")
    assert text.startswith(f"usage: python main.py {command} ")
    assert len(text.splitlines()) < 70
    assert max(map(len, text.splitlines())) <= 120


def test_names_every_option_of_predict(capsys: pytest.CaptureFixture[str]) -> None:
    assert {option.name for option in fields(PredictOptions)} <= named(page(capsys, "predict", "--help"))


@pytest.mark.parametrize("command", [name for name, command in COMMANDS.items() if command.function])
def test_names_every_option_of_a_function(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    module, _, function = COMMANDS[command].function.rpartition(".")
    options = set(inspect.signature(getattr(importlib.import_module(module), function)).parameters)
    text, positional = page(capsys, command, "--help"), set(COMMANDS[command].positional)
    assert named(text) - {"config", "print_config"} == options - positional
    assert all(re.search(rf"^  {option.upper()} ", text, re.MULTILINE) for option in positional)
    assert not re.search(r"^  --\w+$", text, re.MULTILINE), "an option without a word on it"


def test_every_group_holds_options_that_there_are() -> None:
    for command, groups in GROUPS.items():
        options = COMMANDS[command].signature().options
        assert {option for group in groups.values() for option in group} <= options.keys(), command


def test_the_programs_page_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    text = page(capsys, "--help")
    assert all(re.search(rf"^  {command} ", text, re.MULTILINE) for command in COMMANDS)
    assert len(text.splitlines()) < 30


@pytest.mark.parametrize("command", ["fit", "validate"])
def test_the_parser_takes_what_it_names(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    values = {
        "trainer.accelerator": "cpu",
        "trainer.precision": "bf16-mixed",
        "model.weights": "x",
        "ckpt_path": "x",
        "wandb": "true",
    }
    options = named(page(capsys, command, "--help")) - {"config", "print_config", "help_all"}
    with pytest.raises(SystemExit) as done:
        main([command, "--config", "demo.yaml", *(f"--{o}={values.get(o, '2')}" for o in options), "--print_config"])
    assert done.value.code == 0


def test_the_long_one_is_jsonargparses(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as done:
        main(["fit", "--help-all"])
    assert done.value.code == 0
    assert "--trainer.gradient_clip_val" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["predict", "validate"])
def test_prints_a_config_that_it_takes_again(
    command: str, capsys: pytest.CaptureFixture[str], tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(str(tmp_path))
    config = [] if command == "predict" else ["--config", "demo.yaml"]
    printed = []
    for arguments in (config, ["--config", "again.yaml"]):
        with pytest.raises(SystemExit) as done:
            main([command, *arguments, "--print_config"])
        assert done.value.code == 0
        printed.append(capsys.readouterr().out)
        with open("again.yaml", "w") as file:  # noqa: PTH123
            file.write(printed[0])
    assert yaml.safe_load(printed[0]) == yaml.safe_load(printed[1])
