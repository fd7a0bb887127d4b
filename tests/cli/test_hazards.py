"""Hazards of docs/guarantee.md that only the whole program can show."""

import json
from pathlib import Path

import pytest

from dprdm.cli import main
from dprdm.privacy.ledger import Ledger
from dprdm.retrieval.store import PrivateStore
from tests.cli.front_door import SMALL, predict, refusal
from tests.fakes import with_rows_of_nobody

pytestmark = pytest.mark.usefixtures("workplace")
ROOT = Path(__file__).parents[2]


def certificate(name: str) -> dict:
    return json.loads((Path("runs") / name / "certificate.json").read_text())


def charges() -> list[dict]:
    store = PrivateStore(Path("store"))
    return [row.body for row in Ledger(store.ledger_path, store.fingerprint).rows() if row.kind == "charge"]


def test_hazard_04_what_the_command_line_says_reaches_the_release() -> None:
    """Parsers have dropped values of linked arguments without a word."""
    assert predict("--mechanism.k", "7", "--mechanism.sampling_rate", "0.25", "--delta", "1e-3", "--name", "x") == 0
    fields = certificate("x")["mechanism"]["fields"]
    assert (fields["k"], fields["sampling_rate"], certificate("x")["delta"]) == (7, 0.25, 1e-3)
    assert charges()[0]["mechanism"]["fields"] == fields


@pytest.mark.parametrize("text", ["mechanism: null", "retriever: null"])
def test_hazard_04_a_plugin_called_null_is_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine.yaml").write_text(text + "\n")
    arguments = ["predict", "--config", "demo.yaml", "--config", "mine.yaml", *SMALL]
    assert "got null" in refusal(capsys, arguments)


def test_hazard_04_an_option_that_nobody_reads_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert "got --mechanism.eps" in refusal(capsys, ["predict", "--eps", "1", "--mechanism.eps", "3", *SMALL])


def test_hazard_16_every_setting_that_is_tried_is_charged() -> None:
    for weight, k in (("1.0", "5"), ("1.0", "6"), ("0.5", "6")):
        assert predict("--mechanism.k", k, "--private_weight", weight, "--name", f"try-{k}-{weight}") == 0
    # The third asks for the same release as the second: mixing it otherwise is post-processing, and free.
    assert [charge["mechanism"]["fields"]["k"] for charge in charges()] == [5, 6]
    assert certificate("try-6-0.5")["ledger"]["spent"]["pld"] > certificate("try-6-0.5")["epsilon"]


def test_hazard_17_prompts_are_named_as_not_covered() -> None:
    assert predict("--name", "x") == 0
    for text in (Path("runs/x/certificate.md"), ROOT / "docs/guarantee.md", ROOT / "docs/sharp_edges.md"):
        assert "rompts" in text.read_text()
    assert "must not be taken from the private data" in Path("runs/x/certificate.md").read_text()


def test_verify_and_ledger_agree_with_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert predict("--name", "x") == 0
    assert main(["verify", "runs/x", "--store", "store"]) == 0
    assert main(["ledger", "verify", "store"]) == 0
    capsys.readouterr()
    assert main(["ledger", "show", "store", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["epsilon"] == pytest.approx(certificate("x")["epsilon"])


def test_verify_notices_conditions_that_were_changed(capsys: pytest.CaptureFixture[str]) -> None:
    assert predict("--name", "x") == 0
    path = Path("runs/x/conditions.safetensors")
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    assert "conditions" in refusal(capsys, ["verify", "runs/x"])


def test_accounts_share_the_stores_cap(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ledger", "cap", "store", "--eps", "10"]) == 0
    assert main(["ledger", "cap", "store", "--eps", "0.5", "--account", "research"]) == 0
    sentence = refusal(capsys, ["predict", "--eps", "10", *SMALL, "--account", "research"])
    assert "account research" in sentence
    assert predict() == 0


def test_hazard_18_rows_of_nobody_in_an_old_store_are_not_counted(capsys: pytest.CaptureFixture[str]) -> None:
    """A store of version 0.4 whose persons had too many images still answers, from the rows that persons own."""
    with_rows_of_nobody(Path("store"), [[row] for row in range(0, 240, 40)])
    asked = ["predict", "--eps", "10", *SMALL, "--name", "old", "--mechanism.sampling_rate", "1"]
    assert "k=7, and store holds 6" in refusal(capsys, [*asked, "--mechanism.k", "7"])
    assert main([*asked, "--mechanism.k", "6"]) == 0
    words = Path("runs/old/certificate.md").read_text()
    assert "Whether one person holding at most 1 record is in the collection" in words
    assert main(["verify", "runs/old", "--store", "store"]) == 0
