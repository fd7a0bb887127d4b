"""`predict`, `render` and the ledger between them, through the front door."""

import csv
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dprdm.cli import main
from dprdm.encoders.clip import ClipEncoder
from dprdm.privacy.ledger import Ledger
from dprdm.retrieval.store import PrivateStore
from dprdm.runs.run_folder import Conditions
from tests.cli.front_door import SMALL, predict, refusal, runs

pytestmark = pytest.mark.usefixtures("workplace")


def charges() -> list[int]:
    store = PrivateStore(Path("store"))
    rows = Ledger(store.ledger_path, store.fingerprint).rows()
    return [row.body["num_queries"] for row in rows if row.kind == "charge"]


def test_leaves_everything_that_was_promised(capsys: pytest.CaptureFixture[str]) -> None:
    assert predict() == 0
    (run,) = runs()
    out, err = capsys.readouterr()
    assert re.search(r"Rendering: 100%.* 6/6 .*image/s", err)
    with (run / "samples.csv").open() as table:
        samples = list(csv.DictReader(table))
    assert [s["prompt"] for s in samples] == ["sandal"] * 3 + ["coat"] * 3
    assert len({s["seed"] for s in samples}) == 6
    for sample in samples:
        with Image.open(run / sample["file"]) as image:
            assert image.size == (28, 28)
    assert {path.name for path in run.iterdir()} == {
        "images", "grids", "grid.png", "samples.csv", "rendering.json",
        "conditions.safetensors", "config.yaml", "certificate.json", "certificate.md",
    }  # fmt: skip
    assert len(list((run / "grids").iterdir())) == 2
    certificate = json.loads((run / "certificate.json").read_text())
    assert certificate["num_queries"] == 6
    assert 0 < certificate["epsilon"] < 10
    assert str(run) in out
    assert "Spent by the store" in out


def test_asked_again_answers_from_the_stored_release_and_spends_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert predict() == 0
    before = Conditions.load(runs()[0] / "conditions.safetensors")
    shutil.rmtree("runs")
    assert predict() == 0
    after = Conditions.load(runs()[0] / "conditions.safetensors")
    np.testing.assert_array_equal(before.released, after.released)
    assert charges() == [6]
    assert "6 answered from stored releases" in capsys.readouterr().out


def test_hazard_13_threads_order_and_company_of_prompts_make_no_other_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of these changes the last bits of a prompt's vector on some machine, and here the encoder changes them surely."""
    assert predict() == 0
    encode = ClipEncoder.texts
    monkeypatch.setattr(ClipEncoder, "texts", lambda self, captions: encode(self, captions) * np.float32(1 + 1e-6))
    torch.set_num_threads(2)
    try:
        assert predict("--prompt", "bag", "--prompt", " coat ", "--name", "threads", "--render_batch", "1") == 0
    finally:
        torch.set_num_threads(1)
    assert charges() == [6, 3]
    first, second = (Conditions.load(path / "conditions.safetensors") for path in runs())
    rows = [second.requests.index(request) for request in first.requests]
    np.testing.assert_array_equal(second.released[rows], first.released)
    np.testing.assert_array_equal(second.queries[rows], first.queries)  # those that were searched with


def test_more_releases_pay_for_the_new_ones_only() -> None:
    assert predict() == 0
    assert predict("--releases_per_prompt", "4", "--name", "more") == 0
    assert charges() == [6, 2]


def test_a_killed_rendering_draws_what_is_missing_and_spends_nothing() -> None:
    assert predict() == 0
    (run,) = runs()
    lost, *kept = sorted((run / "images").rglob("*.png"))
    stamps = {path: path.stat().st_mtime_ns for path in kept}
    pixels = np.array(Image.open(lost))
    lost.unlink()
    assert predict() == 0
    np.testing.assert_array_equal(np.array(Image.open(lost)), pixels)
    assert stamps == {path: path.stat().st_mtime_ns for path in kept}
    assert charges() == [6]


def test_hazard_01_seeds_do_not_touch_private_draws() -> None:
    released = []
    for name in ("a", "b"):
        assert predict("--seed_everything", "7", "--name", name) == 0
        released.append(Conditions.load(Path("runs") / name / "conditions.safetensors").released)
        shutil.rmtree("store/releases")
    assert not np.isclose(*released).any()


def test_render_needs_neither_store_nor_data(private_images: Path) -> None:
    assert (
        predict(
            "--private.class_path", "dprdm.data.readers.folder.ImageFolder", "--private.folder", str(private_images)
        )
        == 0
    )
    (run,) = runs()
    first = {path.relative_to(run): path.read_bytes() for path in run.rglob("images/**/*.png")}
    for name in ("conditions.safetensors", "certificate.json", "certificate.md", "config.yaml"):
        Path("elsewhere").mkdir(exist_ok=True)
        shutil.copy(run / name, Path("elsewhere") / name)
    shutil.rmtree("store")
    shutil.rmtree("runs")
    assert main(["render", "elsewhere/conditions.safetensors"]) == 0
    again = {p.relative_to("elsewhere"): p.read_bytes() for p in Path("elsewhere").rglob("images/**/*.png")}
    assert again == first


def test_render_refuses_to_mix_two_settings(capsys: pytest.CaptureFixture[str]) -> None:
    assert predict() == 0
    conditions = str(runs()[0] / "conditions.safetensors")
    assert "differs in seed" in refusal(capsys, ["render", conditions, "--seed", "4"])
    assert main(["render", conditions, "--seed", "4", "--name", "other"]) == 0


def test_another_request_under_the_same_name_is_refused_before_it_costs(capsys: pytest.CaptureFixture[str]) -> None:
    assert predict("--name", "x") == 0
    arguments = ["predict", "--eps", "10", *SMALL, "--mechanism.k", "6", "--name", "x"]
    assert "another request's images" in refusal(capsys, arguments)
    assert charges() == [6]


def test_render_refuses_a_folder_of_another_release(capsys: pytest.CaptureFixture[str]) -> None:
    assert predict("--name", "x") == 0
    assert predict("--mechanism.k", "6", "--name", "y") == 0
    before = Path("runs/y/conditions.safetensors").read_bytes()
    assert "differs in conditions" in refusal(capsys, ["render", "runs/x/conditions.safetensors", "--name", "y"])
    assert Path("runs/y/conditions.safetensors").read_bytes() == before


def test_what_is_released_anew_is_drawn_anew() -> None:
    for _ in range(2):
        assert predict("--name", "x", mechanism="nonprivate") == 0
        conditions = Conditions.load(Path("runs/x/conditions.safetensors"))
        assert json.loads(Path("runs/x/rendering.json").read_text())["conditions"] == conditions.fingerprint()
    stamps = [path.stat().st_mtime_ns for path in Path("runs/x").rglob("images/*/*.png")]
    assert min(stamps) >= Path("runs/x/rendering.json").stat().st_mtime_ns


def test_nonprivate_is_marked_everywhere(capsys: pytest.CaptureFixture[str]) -> None:
    assert predict(mechanism="nonprivate") == 0
    (run,) = runs()
    assert "NON-PRIVATE" in (run / "certificate.md").read_text().splitlines()[0]
    assert json.loads((run / "certificate.json").read_text())["status"] == "NON-PRIVATE"
    assert "NON-PRIVATE" in capsys.readouterr().out
    assert np.array(Image.open(run / "grid.png"))[2, -3].tolist() == [176, 0, 32]  # the banner


def test_public_retrieval_reads_no_private_record() -> None:
    assert predict("--retriever", "public", "--name", "public") == 0
    certificate = json.loads(Path("runs/public/certificate.json").read_text())
    assert certificate["epsilon"] == 0
    assert not Path("store/ledger.sqlite").exists()


def test_an_image_does_not_depend_on_its_batch() -> None:
    assert predict() == 0
    (run,) = runs()
    conditions = str(run / "conditions.safetensors")
    assert main(["render", conditions, "--render_batch", "1", "--name", "one"]) == 0
    for path in (run / "images").rglob("*.png"):
        alone = np.array(Image.open(Path("runs/one") / path.relative_to(run))).astype(int)
        assert np.abs(alone - np.array(Image.open(path))).max() <= 1


def test_the_condition_is_mixed_by_private_weight() -> None:
    assert predict("--private_weight", "0.25") == 0
    conditions = Conditions.load(runs()[0] / "conditions.safetensors")
    expected = 0.25 * conditions.released + 0.75 * conditions.queries
    np.testing.assert_allclose(conditions.condition, expected, rtol=1e-5)
    assert (conditions.noise_std > 0).all()


def test_images_vary_by_spread_for_free() -> None:
    assert predict("--name", "still") == 0
    assert predict("--name", "varied", "--spread", "0.5", "--images_per_release", "2") == 0
    assert charges() == [6]
    still, varied = (Conditions.load(Path(f"runs/{name}/conditions.safetensors")) for name in ("still", "varied"))
    np.testing.assert_array_equal(still.released, varied.released)
    np.testing.assert_array_equal(still.condition, varied.condition)
    assert len(still.spread) == 0 and varied.spread.shape == (varied.queries.shape[1],) * 2
    first = {path.relative_to("runs/varied"): path.read_bytes() for path in Path("runs/varied").rglob("images/*/*.png")}
    assert len(set(first.values())) == len(first) == 12
    shutil.copytree("runs/varied", "elsewhere")
    shutil.rmtree("elsewhere/images")
    shutil.rmtree("store")
    assert main(["render", "elsewhere/conditions.safetensors", "--images_per_release", "2"]) == 0
    again = {path.relative_to("elsewhere"): path.read_bytes() for path in Path("elsewhere").rglob("images/*/*.png")}
    assert again == first


def test_warns_of_what_is_safe_and_surely_not_wanted(capsys: pytest.CaptureFixture[str]) -> None:
    assert predict("--mechanism.sampling_rate", "0.01") == 0
    out = capsys.readouterr().out
    assert "a sample holds 2.4 units on average, fewer than k=5" in out
    assert "delta is 1/240 by default" in out
    assert predict("--delta", "1e-5", "--name", "fine") == 0
    assert "Warning" not in capsys.readouterr().out


def test_a_short_name_works_in_yaml() -> None:
    Path("mine.yaml").write_text("mechanism: nonprivate\nretriever: public\n")
    assert main(["predict", "--config", "demo.yaml", "--config", "mine.yaml", *SMALL, "--name", "mine"]) == 0


def test_the_saved_config_runs_again_for_free() -> None:
    assert predict() == 0
    assert main(["predict", "--config", str(runs()[0] / "config.yaml")]) == 0
    assert charges() == [6]
    assert len(runs()) == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--eps", "0"], "Expected eps=0.0 above 0."),
        (["--eps", "-1"], "Expected eps=-1.0 above 0."),
        (["--spread", "-1"], "Expected spread=-1.0 in [0, 2]."),
        (["--eps", "ten"], "Expected eps to be a number, got ten."),
        (["--delta", "1"], "Expected delta=1.0 between 0 and 1"),
        (["--mechanism", "gausian"], "Did you mean 'gaussian'?"),
        (["--retriever", "exakt"], "Did you mean 'exact'?"),
        (["--mechanism.k", "500"], "k=500, and store holds 240"),
        (["--mechanism.sampling_rate", "1.5"], "Expected sampling_rate=1.5 in [0, 1]."),
        (["--private_store", "nowhere"], "Expected a finished store in nowhere"),
        (["--private_weight", "2"], "Expected private_weight=2.0 in [0, 1]."),
        (["--releases_per_prompt", "50"], "at most 40 distinct requests, as planned, got 100"),
        (["--prompts", "none.txt"], "none.txt"),
        (["--weights", "none.safetensors"], "Expected weights at none.safetensors"),
        (["--config", "none.yaml"], "Known there: cifar10.yaml, coco.yaml, demo.yaml"),
        (["--mechanizm", "gaussian"], "mechanizm"),
        (["--name", "../x"], "plain folder name"),
    ],
)
def test_bad_input_is_refused_in_one_sentence_and_costs_nothing(
    capsys: pytest.CaptureFixture[str], arguments: list[str], sentence: str
) -> None:
    config = [] if "--config" in arguments else ["--config", "demo.yaml", "--config", "private.yaml"]
    Path("private.yaml").write_text("private: null\n")
    assert sentence in refusal(capsys, ["predict", *config, "--mechanism", "gaussian", *SMALL, *arguments])
    assert runs() == []
    assert not Path("store/ledger.sqlite").exists() or charges() == []


def test_a_request_past_the_cap_is_refused_and_costs_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert predict(eps="1") == 0
    spent = charges()
    sentence = refusal(capsys, ["predict", "--eps", "9", *SMALL, "--name", "greedy"])
    assert sentence.startswith("BudgetExceeded: ")
    assert "raise the cap" in sentence
    assert charges() == spent
    assert not Path("runs/greedy").exists()


def test_a_damaged_shard_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with Path("store/00000.vectors.npy").open("r+b") as shard:
        shard.seek(1000)
        shard.write(b"\x01")
    assert "damaged" in refusal(capsys, ["predict", "--eps", "1", *SMALL])


def test_a_store_of_another_encoder_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    manifest = json.loads(Path("store/manifest.json").read_text())
    manifest["encoder"]["weights_sha256"] = "0" * 64
    Path("store/manifest.json").write_text(json.dumps(manifest))
    assert "differs in weights_sha256" in refusal(capsys, ["predict", "--eps", "1", *SMALL])


def test_the_demo_line_works_as_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.rmtree("store")
    assert main(["predict", "--mechanism", "gaussian", "--eps", "10"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("No --config given: running the embedded demo")
    assert "80 queries released now" in out
    assert len(list(runs()[0].rglob("images/**/*.png"))) == 80
