"""`index` through the front door."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from dprdm.cli import main
from dprdm.errors import StoreError
from dprdm.retrieval.store import PrivateStore
from tests.cli.front_door import refusal
from tests.data.pictures import picture
from tests.fakes import DEMO_CLIP

ROOT = Path(__file__).parents[2]
MADE = ("--encoder", "demo", "--out", "store")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_lists_and_skips_what_cannot_be_read(private_images: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("images").mkdir()
    for path in sorted(private_images.iterdir())[:12]:
        (Path("images") / path.name).write_bytes(path.read_bytes())
    Path("images/text.png").write_text("not an image")
    assert main(["index", "--images", "images", *MADE]) == 0
    assert "Skipped, cannot be read: text.png" in capsys.readouterr().out
    assert len(PrivateStore(Path("store"))) == 12


def test_groups_bound_what_a_person_contributes(private_images: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = sorted(path.name for path in private_images.iterdir())
    rows = "".join(f"{name},,patient{number // 6}\n" for number, name in enumerate(files))
    Path("table.csv").write_text("file,caption,patient_id\n" + rows)
    options = ["--captions", "table.csv", "--group-column", "patient_id", "--max-per-group", "4"]
    assert main(["index", "--images", str(private_images), *MADE, *options]) == 0
    store = PrivateStore(Path("store"))
    assert (store.num_units, store.max_per_unit, len(store)) == (40, 4, 160)
    printed = capsys.readouterr().out
    assert "80 images of persons with more than 4 were left out." in printed
    assert "The unit of privacy is a person: 40 of them, with at most 4 images each." in printed
    (Path("store") / "units.npz").write_bytes(b"another table")
    with pytest.raises(StoreError, match="table of persons"):
        PrivateStore(Path("store"))


def _persons(*rows: str) -> list[str]:
    """Two images and a table that says whose they are."""
    for name in ("a.png", "b.png"):
        picture(Path("images") / name)
    Path("table.csv").write_text("\n".join(["file,person", *rows]))
    return ["index", "--images", "images", "--captions", "table.csv", *MADE]


@pytest.mark.parametrize("kind", [[], ["--kind", "private"]])
def test_without_a_limit_a_person_contributes_one_image(kind: list[str]) -> None:
    assert main([*_persons("a.png,ann", "b.png, ann "), "--group_column", "person", *kind]) == 0
    store = PrivateStore(Path("store"))
    assert (store.num_units, store.max_per_unit, len(store), store.unit_is_person) == (1, 1, 1, True)


@pytest.mark.parametrize("name", ["", "  ", "NaN", "null", "None"])
def test_hazard_19_nobody_is_no_person(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [*_persons("a.png,ann", f"b.png,{name}"), "--group_column", "person"]
    assert f"Expected a person for b.png in line 3 of table.csv, and {name!r} names nobody" in refusal(
        capsys, arguments
    )
    assert not Path("store").exists()


def test_hazard_19_an_image_of_two_persons_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [*_persons("a.png,ann", "b.png,bob", "a.png,bob"), "--group_column", "person"]
    assert "lists it for 'ann' in line 2 and for 'bob' in line 4" in refusal(capsys, arguments)
    assert not Path("store").exists()


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--max_per_group", "1"], "Expected group_column with max_per_group"),
        (["--max_per_group", "4", "--kind", "public"], "Expected no persons with kind public"),
        (["--group_column", "person", "--kind", "public"], "Expected no persons with kind public"),
        (
            ["--group_column", "person", "--max_per_group", "0"],
            "Expected max_per_group=0 to be a whole number of at least 1",
        ),
        (["--group_column", "patient"], "Expected a column 'patient' in table.csv; it has file, person."),
    ],
)
def test_an_option_of_privacy_without_effect_is_refused(
    more: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sentence in refusal(capsys, [*_persons("a.png,ann", "b.png,bob"), *more])
    assert not Path("store").exists()


def test_a_check_takes_no_persons(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*_persons("a.png,ann", "b.png,bob"), "--group_column", "person"]) == 0
    for more in (["--group_column", "person"], ["--max_per_group", "2"]):
        assert "Expected --check without" in refusal(capsys, ["index", "--check", "store", *more])


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: None, "to be a folder, and there is none"),
        (lambda: Path("images").mkdir(), "Expected images in images, and found none"),
        (lambda: (Path("images").mkdir(), Path("images/a.png").write_text("text")), "all 1 were broken"),
    ],
)
def test_bad_folders_are_refused_and_leave_nothing(make, sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    make()
    assert sentence in refusal(capsys, ["index", "--images", "images", *MADE])
    assert not Path("store").exists()


def test_a_full_disk_is_one_sentence_and_leaves_nothing_half_written(private_images: Path) -> None:
    def no_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    command = [sys.executable, str(ROOT / "main.py"), "index", "--images", str(private_images), *MADE]
    done = subprocess.run(command, preexec_fn=no_room, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Is the disk full?" in done.stderr
    assert "Traceback" not in done.stderr
    assert {path.name for path in Path("store").iterdir()} == {"begun.json"}


def test_a_finished_store_is_not_overwritten(private_images: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["index", "--images", str(private_images), *MADE]
    assert main(arguments) == 0
    assert "there is one" in refusal(capsys, arguments)


def test_without_an_encoder_it_is_refused_before_anything_is_read(capsys) -> None:
    Path("photos").mkdir()
    sentence = refusal(capsys, ["index", "--images", "photos", "--out", "store"])
    for hint in ("Expected --encoder", "ViT-L-14/openai", "`fit`", "demo_encoder.yaml", "`demo` is for the demo's"):
        assert hint in sentence
    assert not Path("store").exists()


@pytest.mark.parametrize(
    ("encoder", "sentence"),
    [
        ("dmo", "no encoder is called 'dmo'"),
        ("ViT-L-14", "MODEL/TAG, such as ViT-L-14/openai"),
        ("ViT-B-32/nowhere", "to be a file or a tag of ViT-B-32"),
        ("models/mine.safetensors", "no such file"),
        ("acme.encoders.Mine", "no encoder is called 'acme.encoders.Mine'"),
    ],
)
def test_an_encoder_that_is_none_is_refused(private_images: Path, encoder: str, sentence: str, capsys) -> None:
    made = ["index", "--images", str(private_images), "--encoder", encoder, "--out", "store"]
    assert sentence in refusal(capsys, made)
    assert not Path("store").exists()


@pytest.mark.parametrize("former", ["--model", "--pretrained"])
def test_the_options_of_version_04_say_what_took_their_place(private_images: Path, former: str, capsys) -> None:
    old = ["index", "--images", str(private_images), former, "ViT-L-14", "--out", "store"]
    assert "Name model and weights as one: --encoder MODEL/TAG" in refusal(capsys, old)


def test_an_encoder_is_a_config_and_its_weights_too(private_images: Path) -> None:
    for name, encoder in (("by_name", "demo"), ("by_file", DEMO_CLIP), ("by_path", "dprdm.demo.encoder.DemoEncoder")):
        assert main(["index", "--images", str(private_images), "--encoder", encoder, "--out", name]) == 0
    identities = [PrivateStore(Path(name)).encoder_identity for name in ("by_name", "by_file", "by_path")]
    assert identities[0] == identities[1] == identities[2]
    assert identities[0]["model"] == "dprdm_demo_clip"  # as it was in 0.4, so that its stores still open


def test_it_says_what_was_made_and_what_comes_next(private_images: Path, public_images: Path, capsys) -> None:
    assert main(["index", "--images", str(private_images), *MADE]) == 0
    printed = capsys.readouterr().out
    assert "240 images in store (private), embedded by dprdm_demo_clip." in printed
    assert "The unit of privacy is one image." in printed and "Next: dprdm predict --private_store store" in printed
    public = ["--images", str(public_images), "--encoder", "demo", "--out", "public", "--kind", "public"]
    assert main(["index", *public]) == 0
    printed = capsys.readouterr().out
    assert "240 of 240 images have a caption." in printed and "Next: dprdm neighbors public" in printed
