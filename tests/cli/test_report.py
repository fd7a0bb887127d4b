"""`report` through the front door: runs and results in, one page, two cards and a Markdown page out."""

import itertools
import json
import re
import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest
import yaml
from PIL import Image

from dprdm.cli import main
from tests.cli.front_door import predict, refusal
from tests.report import fabricated
from tests.report.pages import Page

CHROMIUM = shutil.which("chromium")
HOSTILE = '<script>alert("coat")</script>'
RUNS = ("runs/ten", "runs/none", "runs/public", "runs/one")


@pytest.fixture(scope="module")
def shop(private_images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four runs of one store, and results of every kind."""
    folder = tmp_path_factory.mktemp("shop")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(["index", "--images", str(private_images), "--encoder", "demo", "--out", "store"]) == 0
        more = ("--prompt", HOSTILE, "--delta", "1e-4")
        assert predict("--name", "ten", *more) == 0
        assert predict("--name", "one", *more, eps="1") == 0
        assert predict("--name", "none", *more, mechanism="nonprivate") == 0
        _without_private_records(Path("runs/one"), Path("runs/public"))
        for make in (fabricated.fidelity, fabricated.attack):
            make(Path("results") / make.__name__)
        fabricated.sweep(Path("results/sweep"))
        fabricated.sweep(Path("results/inside"), has_uncovered=True)
    return folder


def _without_private_records(run: Path, public: Path) -> None:
    """A run as the public retriever leaves one, without the minutes that embedding its pool takes."""
    shutil.copytree(run, public)
    certificate = json.loads((run / "certificate.json").read_text())
    changed = {"status": "reads no private record", "epsilon": 0.0, "ledger": None}
    (public / "certificate.json").write_text(json.dumps({**certificate, **changed}))


@pytest.fixture
def here(shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the shop to work in."""
    folder = tmp_path / "shop"
    shutil.copytree(shop, folder)
    monkeypatch.chdir(folder)
    return folder


def report(*more: str) -> Page:
    assert main(["report", *RUNS, *more, "--out", "page"]) == 0
    return Page(Path("page/report.html").read_text())


def front(name: str) -> dict:
    _, head, _ = Path("page", name).read_text().split("---\n", 2)
    return yaml.safe_load(head)


def test_a_page_that_anybody_can_read(here):
    page = report("--results", "results/sweep", "results/fidelity", "results/attack")
    html = Path("page/report.html").read_text()
    assert page.faults == []
    assert len(page.values("id")) == len(set(page.values("id")))
    assert all(image["alt"] and image["src"].startswith("data:image/") for image in page.all("img"))
    assert all(int(image["width"]) and int(image["height"]) and image["loading"] == "lazy" for image in page.all("img"))
    levels = [level for level, _ in page.headings]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    assert not re.search(r"https?://(?!www\.w3\.org)", html)
    assert all(link.startswith(("#", "data:")) for link in page.values("href"))
    assert {link[1:] for link in page.values("href") if len(link) > 1 and link[0] == "#"} <= set(page.values("id"))
    assert page.all("script") == []
    assert any("default-src 'none'" in meta.get("content", "") for meta in page.all("meta"))
    assert len(page.all("table")) == len(page.all("caption"))
    assert all("scope" in head for head in page.all("th"))


def test_the_headline_is_the_stores_epsilon(here, capsys):
    page = report()
    capsys.readouterr()
    assert main(["ledger", "show", "store", "--json"]) == 0
    spent = json.loads(capsys.readouterr().out)["epsilon"]
    assert f"ε {spent:.4g}" in page.text
    assert "unbroken" in page.text
    assert "Left out, as NON-PRIVATE: none." in page.text
    assert "Not counted: 1 release without noise" in page.text
    columns = re.findall(r"(public|ten|one|none) · ", " ".join(page.values("data-run")))
    assert columns[:3] == ["public", "one", "ten"]


def test_a_hostile_drawing_stays_outside(here):
    Path("results/sweep/fid.svg").write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert(2)</script>'
        '<image href="https://example.org/a.png"/></svg>'
    )
    page = report("--results", "results/sweep")
    assert any("falling curve" in image["alt"] for image in page.all("img"))
    assert all(
        image["src"].startswith(("data:image/png;base64,", "data:image/jpeg;base64,")) for image in page.all("img")
    )


def test_a_hostile_prompt_is_only_text(here):
    page = report("--markdown", "page/results.md")
    assert HOSTILE in page.text
    assert "<script" not in Path("page/report.html").read_text().lower()


def test_what_no_guarantee_covers_is_left_out(here):
    page = report("--results", "results/inside")
    html = Path("page/report.html").read_text()
    assert "41.2" not in page.text
    assert "0.77" not in page.text
    assert "keep it inside" not in page.text
    assert "uncovered" not in html.split("</style>")[1]
    assert "2 entries are left out" in page.text
    assert "These numbers are made up." not in page.text  # a note may tell what is left out
    assert page.all("img")
    assert all("falling curve" not in image["alt"] for image in page.all("img"))
    assert all("run none" not in image["alt"] for image in page.all("img"))
    assert "Quality against epsilon" in page.text


def test_it_is_marked_where_it_is_asked_for(here):
    page = report("--results", "results/inside", "--include_nonprivate", "true")
    assert "This report holds material without a guarantee: keep it inside." in page.text
    shown = [image for image in page.all("img") if "run none" in image["alt"]]
    assert len(shown) == 9
    assert len([tag for tag in page.all("figure") if "uncovered" in tag["class"]]) == 9
    assert len([tag for tag in page.all("span") if tag.get("class") == "band"]) == 9
    assert "0.770" in page.text
    for name in ("data_card.md", "model_card.md"):
        assert "none" not in re.findall(r"name: (\w+)", Path("page", name).read_text())


def test_a_ledger_that_was_edited_is_said_loudly(here, capsys):
    with sqlite3.connect("store/ledger.sqlite") as ledger:
        ledger.execute("DROP TRIGGER no_update")
        ledger.execute("UPDATE rows SET time = '2020-01-01' WHERE id = 3")
    page = report()
    assert any(attributes.get("role") == "alert" for _, attributes in page.tags)
    assert "The ledger of store does not hold." in page.text
    assert "Row 3 of the ledger was changed" in page.text
    assert "unbroken" not in page.text
    assert "WARNING: the ledger of store does not hold." in capsys.readouterr().err
    assert front("data_card.md")["privacy"]["stores"][0]["ledger"] == "broken"


def test_without_the_store_the_certificates_speak(here):
    shutil.rmtree("store")
    page = report()
    assert "The ledger is not at hand" in page.text
    certified = json.loads(Path("runs/one/certificate.json").read_text())["ledger"]["spent"]["pld"]
    assert f"ε {certified:.4g}" in page.text


def test_what_is_missing_says_how_to_make_it(here):
    page = report()
    for command in ("sweep", "fidelity", "attack"):
        assert f"dprdm {command} --out runs/{command}" in page.text


def test_results_alone_make_a_page(here):
    assert main(["report", "--results", "results/fidelity", "--out", "page"]) == 0
    page = Page(Path("page/report.html").read_text())
    assert page.faults == []
    assert "nothing is certified here" in page.text


def test_cards_hold_the_certificates_numbers(here):
    report("--license", "cc0-1.0")
    card = front("data_card.md")
    assert front("model_card.md")["license"] == card["license"] == "cc0-1.0"
    assert {run["name"] for run in card["privacy"]["runs"]} == {"ten", "one", "public"}
    for run in card["privacy"]["runs"]:
        certificate = json.loads(Path("runs", run["name"], "certificate.json").read_text())
        for name in ("epsilon", "delta", "unit", "relation", "conditions_sha256"):
            assert run[name] == certificate[name]
    assert "Prompts" in " ".join(card["privacy"]["not_covered"])


def test_a_markdown_page_with_its_figures(here):
    report("--results", "results/sweep", "results/attack", "--markdown", "docs/results.md", "--figures", "docs/figures")
    text = Path("docs/results.md").read_text()
    assert "| public only | public data only | 0 | 91.5 \\[85.0, 98.0\\] |" in re.sub(" +", " ", text)
    assert "made-up features" in text
    assert "![A falling curve of three points.](figures/sweep-fid.png)" in text
    assert Path("docs/figures/sweep-fid.png").read_bytes() == Path("results/sweep/fid.png").read_bytes()
    lines = text.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("| What "))
    assert start > lines.index("### Quality against epsilon")
    assert all(line.count("|") == 7 for line in lines[start : start + 5])


def test_figures_of_folders_with_the_same_name_stay_apart(here):
    fabricated.sweep(Path("more/sweep"))
    Path("more/sweep/fid.png").write_bytes(Path("runs/ten/grid.png").read_bytes())
    report("--results", "results/sweep", "more/sweep", "--markdown", "docs/results.md")
    text = Path("docs/results.md").read_text()
    assert "(results/sweep-fid.png)" in text and "(results/sweep-2-fid.png)" in text
    assert Path("docs/results/sweep-2-fid.png").read_bytes() == Path("more/sweep/fid.png").read_bytes()


@pytest.mark.parametrize(
    ("spoil", "arguments", "sentence"),
    [
        (lambda: Path("results/sweep/results.json").write_text("{"), ["--results", "results/sweep"], "damaged"),
        (lambda: Path("results/sweep/fid.png").write_text("<svg"), ["--results", "results/sweep"], "damaged"),
        (lambda: Path("results/sweep/fid.png").unlink(), ["--results", "results/sweep"], "there is none"),
        (lambda: None, ["--results", "nowhere"], "there is none"),
        (lambda: Path("runs/ten/certificate.json").write_text("{}"), ["runs/ten"], "damaged"),
        (lambda: None, [], "got neither"),
        (lambda: None, ["runs/ten", "--images_per_prompt", "0"], "images_per_prompt=0"),
    ],
)
def test_what_is_damaged_is_refused_and_nothing_written(here, capsys, spoil, arguments, sentence):
    spoil()
    assert sentence in refusal(capsys, ["report", *arguments, "--out", "page"])
    assert not Path("page").exists()


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium here")
def test_in_a_browser(here):
    report("--results", "results/sweep")
    browser = [
        CHROMIUM, "--no-sandbox", "--headless=new", "--disable-gpu", "--hide-scrollbars", "--enable-logging=stderr",
        f"--user-data-dir={here / 'profile'}", f"--log-net-log={here / 'net.json'}", "--window-size=1280,2400",
        f"--screenshot={here / 'shot.png'}", (here / "page/report.html").as_uri(),
    ]  # fmt: skip
    done = subprocess.run(browser, check=True, capture_output=True, text=True, timeout=120)
    assert "CONSOLE" not in done.stderr
    with Image.open(here / "shot.png") as shot:
        assert shot.size == (1280, 2400)
        assert len(shot.convert("L").getcolors()) > 30  # of 256 greys: a blank page has one
        darkest, lightest = shot.convert("L").crop((300, 0, 1280, 400)).getextrema()
    assert darkest < 80  # the title, on light
    assert lightest > 240
    requested = re.findall(r'"url":"(https?://[^"]*)"', (here / "net.json").read_text())
    assert [url for url in requested if "google" not in url and "gvt1" not in url] == []  # the browser's own calls home
