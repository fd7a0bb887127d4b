"""The one pass over argv: what each command line means, and the sentence with which it is refused. Nothing large is imported."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dprdm.cli.argv import Arguments, read_arguments
from dprdm.cli.commands import COMMANDS
from dprdm.cli.complete import require_complete
from dprdm.cli.trainer_arguments import read_trainer_arguments
from dprdm.errors import UserError

GAUSSIAN = "dprdm.plugins.mechanisms.gaussian.Gaussian"
PUBLIC = "dprdm.plugins.retrievers.public.Public"
COCO = "dprdm.data.readers.coco.Coco"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def read(*words: str) -> Arguments:
    return read_arguments(COMMANDS[words[0]], words[1:])


def value(tree: Any, name: str) -> Any:
    """What stands at a dotted name."""
    for part in name.split("."):
        tree = tree[part]
    return tree


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        # A prompt is text, never YAML, and each is one more.
        *((["predict", "--prompt", text], {"prompt": [text]}) for text in (
            "[red, shoe]", "- shoe", '{"a": 1}', "null", "2001", "true", "a: b", "1e-5", "# 1", "", "--dashes"[1:],
        )),
        (["predict", "--prompt=a: b", "--prompt=--help me", "--prompt", "b"], {"prompt": ["a: b", "--help me", "b"]}),
        (["sweep", "--prompts", "[a]", "--prompts", "b"], {"prompts": ["[a]", "b"]}),
        # So are a name, a title, an account.
        (["predict", "--name", "null", "--account", "[1]"], {"name": "null", "account": "[1]"}),
        (["report", "a", "--title", "- 1"], {"title": "- 1", "runs": ["a"]}),
        # What takes a value takes the next word, whatever it is called.
        (["predict", "--name", "wandb", "--data.init_args.store", "out"], {"name": "wandb"}),
        (["predict", "--name=--eps", "--out", "prompt"], {"name": "--eps", "out": "prompt"}),
        # Numbers, paths, and null where an option may be left out.
        (["predict", "--eps", "1e-1", "--queries", "40"], {"eps": 0.1, "queries": 40}),
        (["predict", "--eps=10", "--delta=null", "--prompts", "null"], {"eps": 10.0, "delta": None, "prompts": None}),
        (["fidelity", "--eps", "[1, 10]", "--queries", "5"], {"eps": [1.0, 10.0], "queries": [5]}),
        (["test", "--max-real", "3"], {"max_real": 3}),
        (["index", "--max-per-group", "4", "--group_column=who"], {"max_per_group": 4, "group_column": "who"}),
        # Flags stand alone or with a value.
        (["predict", "--wandb", "--eps", "1"], {"wandb": True, "eps": 1.0}),
        (["ledger", "show", "--json", "store"], {"json": True, "action": "show", "store": "store"}),
        (["ledger", "show", "store", "--json", "false"], {"json": False}),
        # Words without an option go where they belong; lists of paths take several.
        (["verify", "runs/x", "--store", "s"], {"run": "runs/x", "store": "s"}),
        (["verify", "--run", "runs/x"], {"run": "runs/x"}),
        (["test", "a", "b", "--real_folder", "c"], {"runs": ["a", "b"], "real_folder": "c"}),
        (["report", "--results", "c", "d", "--runs", "a", "[b]"], {"runs": ["a", "[b]"], "results": ["c", "d"]}),
        (["render", "runs/x/conditions.safetensors"], {"conditions": "runs/x/conditions.safetensors"}),
        # Short names of plugins, of classes, and in lists; fields of plugins.
        (["predict", "--mechanism", "gaussian"], {"mechanism.class_path": GAUSSIAN}),
        (["predict", "--retriever=Public"], {"retriever.class_path": PUBLIC}),
        (["predict", "--mechanism", "gaussian", "--mechanism.k", "7"], {"mechanism.init_args.k": 7}),
        (["predict", "--mechanism", '{"class_path": "gaussian", "init_args": {"k": 7}}'], {"mechanism.init_args.k": 7}),
        (["index", "--source", "coco", "--source.root", "r"], {"source": {"class_path": COCO, "init_args": {"root": "r"}}}),
        (["index", "--source.class_path", "Coco", "--source.init_args.root=r"], {"source.init_args.root": "r"}),
        (["attack", "--mechanisms", "gaussian", "codebook"], {"mechanisms": ["gaussian", "codebook"]}),
        (["attack", "--mechanisms", "[gaussian]"], {"mechanisms": ["gaussian"]}),
        (["test", "--features", "inception"], {"features.class_path": "dprdm.metrics.networks.Inception"}),
        # What stays of one class when another takes its place.
        (["predict", "--mechanism", "gaussian", "--mechanism.k", "7", "--mechanism", "codebook"], {"mechanism.init_args": {}}),
        (["predict", "--mechanism", "gaussian", "--mechanism.k", "7", "--mechanism", "centered"], {"mechanism.init_args.k": 7}),
        # The Trainer's own.
        (["fit", "--trainer.max_steps", "3", "--trainer.devices", "2"], {"trainer": {"max_steps": 3, "devices": "2"}}),
    ],
    ids=lambda parameter: " ".join(parameter) if isinstance(parameter, list) else "",
)  # fmt: skip
def test_a_command_line_means(words: list[str], expected: dict[str, Any]) -> None:
    tree = read(*words).settings.tree
    assert {name: value(tree, name) for name in expected} == expected


CONFIG = """
prompt: ["null", "[red, shoe]", "- shoe"]
name: "2001"
mechanism: {class_path: gaussian, init_args: {k: 50}}
retriever: public
private: {class_path: coco, init_args: {root: r}}
trainer: {max_steps: 5, callbacks: [{class_path: lightning.pytorch.callbacks.ModelCheckpoint, init_args: {save_last: true}}]}
"""


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], {"prompt": ["null", "[red, shoe]", "- shoe"], "name": "2001"}),
        ([], {"mechanism": {"class_path": GAUSSIAN, "init_args": {"k": 50}}, "retriever.class_path": PUBLIC}),
        ([], {"private.class_path": COCO, "trainer.max_steps": 5}),
        (["--prompt", "a", "--mechanism.sampling_rate", "0.5"], {"prompt": ["null", "[red, shoe]", "- shoe", "a"]}),
        (["--mechanism.k", "7", "--mechanism", "gaussian"], {"mechanism.init_args": {"k": 7}}),
        (["--config", "more.yaml"], {"mechanism.init_args": {"k": 50, "sampling_rate": 0.5}, "trainer.max_steps": 5}),
    ],
)
def test_configs_and_command_line_are_merged_in_order(words: list[str], expected: dict[str, Any]) -> None:
    Path("mine.yaml").write_text(CONFIG)
    Path("more.yaml").write_text("mechanism: {init_args: {sampling_rate: 0.5}}\n")
    tree = read("predict", "--config", "mine.yaml", *words).settings.tree
    assert {name: value(tree, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["predict", "--promt", "shoe"], "Expected a known option, got --promt. Did you mean --prompt?"),
        (["predict", "--promt"], "got --promt. Did you mean --prompt?"),
        (["predict", "--nothing-like-it", "1"], "got --nothing_like_it. --help lists them."),
        (["predict", "--eps"], "Expected a value after --eps."),
        (["predict", "--eps", "--delta", "1"], "Expected a value after --eps."),
        (["predict", "--eps", "abc"], "Expected eps to be a number, got abc."),
        (["predict", "--queries", "1.5"], "Expected queries to be a whole number, got 1.5."),
        (["predict", "--seed", "null"], "Expected seed to be a whole number, got null."),
        (["predict", "--wandb=maybe"], "Expected wandb to be true or false, got maybe."),
        (["neighbors", "s", "--method", "numpi"], "to be one of auto, flat, ivf, numpy, got numpi. Did you mean numpy?"),
        (["predict", "--prompt", "ankle", "boot"], "Expected an option, got 'boot'. Put quotes around a value that has spaces."),
        (["predict", "--mechanism", "gausian"], "Did you mean 'gaussian'?"),
        (["audit", "--retriever", "exakt"], "Did you mean 'exact'?"),
        (["attack", "--mechanisms", "gaussian", "codebok"], "Did you mean 'codebook'?"),
        (["predict", "--mechanism", "null"], "Expected a mechanism by name, got null."),
        (["predict", "--mechanism", "gaussian", "--mechanism.kk", "1"], "got --mechanism.kk. Did you mean --mechanism.k?"),
        (["predict", "--mechanism", "gaussian", "--mechanism.eps", "1"], "Gaussian has k, "),
        (["predict", "--mechanism", "dprdm.plugins.Nowhere"], "Expected --mechanism to name a class"),
        (["fit", "--trainer.max_stepz", "1"], "Did you mean --trainer.max_steps?"),
        (["fit", "--trainer.calbacks+=Timer"], "Did you mean --trainer.callbacks?"),
        (["fit", "--trainer.max_steps", "many"], "Expected trainer.max_steps to be a whole number, got many."),
        (["fit", "--config", "none.yaml"], "Expected a config file at none.yaml"),
        (["fit", "--config", "broken.yaml"], "Expected YAML in broken.yaml"),
        (["fit", "--config", "list.yaml"], "Expected options in list.yaml"),
        (["predict", "--config", "wrong_key.yaml"], "Expected a known option in wrong_key.yaml, got epss. Did you mean eps?"),
        (["predict", "--config", "wrong_value.yaml"], "Expected eps in wrong_value.yaml to be a number, got many."),
        (["predict", "--config", "no_text.yaml"], "to be a list of texts, got [2001]. Put it in quotes."),
        (["predict", "--config", "deep.yaml"], "got data.sorce. Did you mean data.source?"),
    ],
    ids=lambda parameter: " ".join(parameter) if isinstance(parameter, list) else "",
)  # fmt: skip
def test_a_command_line_is_refused(words: list[str], sentence: str) -> None:
    for name, text in {
        "broken": "a: [", "list": "- a", "wrong_key": "epss: 1", "wrong_value": "eps: many", "no_text": "prompt: [2001]",
        "deep": "data: {class_path: dprdm.data.datamodule.NeighbourDataModule, init_args: {sorce: coco}}",
    }.items():  # fmt: skip
        Path(f"{name}.yaml").write_text(text)
    with pytest.raises(UserError) as refused:
        read(*words)
    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["verify"], "Expected RUN"),
        (["verify", "nowhere"], "Expected run=nowhere to be a folder"),
        (["test", "nowhere"], "Expected runs=nowhere to be a folder"),
        (["index", "--source", "coco"], "Expected --source with all the options that Coco needs; root is missing."),
        (["sweep", "--images_per_prompt", "0", "--measure", "{}", "--curves", "[]"], "Expected --predict"),
    ],
)
def test_what_is_missing_or_out_of_range_is_refused(words: list[str], sentence: str) -> None:
    with pytest.raises(UserError) as refused:
        require_complete(read(*words).settings, COMMANDS[words[0]].positional)
    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["predict", "--eps", "-1"], "Expected eps=-1.0 above 0."),
        (["predict", "--spread", "3"], "Expected spread=3.0 in [0, 2]."),
        (["predict", "--mechanism.k", "0"], "Expected k=0 to be a whole number of at least 1."),
        (["validate", "--config", "demo.yaml", "--data.k", "0"], "Expected k=0 to be a whole number of at least 1."),
        (["fit", "--config", "demo.yaml", "--model.denoised_share", "2"], "Expected denoised_share=2.0 in [0, 1]."),
        (["fit", "--config", "demo.yaml", "--eps", "3"], "it is an option of `predict`"),
        (["fit"], "Expected --config, which describes model and data"),
        (["render"], "Expected a conditions file"),
        (["render", "x.safetensors"], "Expected conditions=x.safetensors to be a file"),
        (["predict", "--ckpt_path", "x.ckpt"], "Name them with --weights."),
    ],
)
def test_what_a_trainer_is_called_with_is_refused(words: list[str], sentence: str) -> None:
    with pytest.raises(UserError) as refused:
        require_complete(read_trainer_arguments(words[0], words[1:]).settings)
    assert sentence in str(refused.value)


def test_the_parser_gets_one_config_and_what_only_it_can_place() -> None:
    arguments = read("fit", "--trainer.callbacks+=Timer", "--trainer.callbacks.interval=step", "--seed_everything", "3",
                     "--print-config")  # fmt: skip
    config, *rest = arguments.listed()
    assert json.loads(config.removeprefix("--config=")) == {"seed_everything": "3", "trainer": {}}
    assert rest == ["--trainer.callbacks+=Timer", "--trainer.callbacks.interval=step", "--print_config"]
    assert arguments.is_question
    assert arguments.named == {"trainer", "seed_everything"}


def test_reading_imports_no_numeric_library() -> None:
    program = """
import sys
from dprdm.cli.commands import COMMANDS
from dprdm.cli.complete import require_complete
from dprdm.cli.help import page
from dprdm.cli.trainer_arguments import read_trainer_arguments
for name in COMMANDS:
    page(name)
require_complete(read_trainer_arguments("predict", ["--mechanism.k", "3"]).settings)
sys.exit(bool({"torch", "lightning", "numpy", "scipy", "dp_accounting"} & sys.modules.keys()))
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
