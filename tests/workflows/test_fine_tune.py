"""A private fine-tuning through the front door: charged once, certified, drawn from, and never gone on with."""

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from dprdm.cli import main
from dprdm.guarantee.certificate import read_certificate
from dprdm.privacy.ledger import Ledger
from dprdm.retrieval.store import PrivateStore
from dprdm.rivals.fine_tuning import PrivateFineTuning
from tests.cli.front_door import refusal

NETWORK = "--model.generator.init_args.network"
TINY = (
    "--private.class_path", "dprdm.data.readers.folder.ImageFolder", "--private_store", "store",
    "--data.init_args.source.class_path", "dprdm.data.readers.folder.ImageFolder", "--data.init_args.store", "public",
    "--data.init_args.k", "3", "--data.init_args.spread", "6", "--data.init_args.validation_size", "4",
    "--data.init_args.serves_queries", "false",  # the images have no captions
    f"{NETWORK}.widths", "[16, 16]", f"{NETWORK}.attention", "[false, true]", f"{NETWORK}.head_width", "8",
    "--model.sampling_rate", "0.05", "--model.expected_batch", "12", "--trainer.max_steps", "2",
)  # fmt: skip
WEIGHTS = Path("runs/dplora/generator.safetensors")


@pytest.fixture(scope="module")
def public_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights of the tiny network."""
    from dprdm.generation.model import NetworkConfig, RetrievalDiffusion, ScheduleConfig

    torch.manual_seed(0)
    sizes = NetworkConfig(
        14, 4, 64, (16, 16), 1, (False, True), 8, norm_groups=16, condition_scale=8.0, reads_query=True
    )
    path = tmp_path_factory.mktemp("weights") / "public.safetensors"
    RetrievalDiffusion(sizes, ScheduleConfig()).export(path)
    return path


@pytest.fixture
def fit(workplace: Path, private_images: Path, public_weights: Path) -> list[str]:
    """The command that fine-tunes, in a working directory with a private store."""
    images = (
        "--private.init_args.folder",
        str(private_images),
        "--data.init_args.source.init_args.folder",
        str(private_images),
    )
    start = ("--model.generator.init_args.weights", str(public_weights))
    return ["fit", "--config", "demo_dplora.yaml", *TINY, *images, *start]


def ledger() -> Ledger:
    store = PrivateStore(Path("store"))
    return Ledger(store.ledger_path, store.fingerprint)


def charges() -> int:
    return sum(row.kind == "charge" for row in ledger().rows())


def drawn(fit: list[str], *more: str) -> list[str]:
    """The command that draws with the weights, by the config that trained them."""
    asked = ("--prompt", "coat", "--releases_per_prompt", "2", "--name", "x", "--mechanism.k", "5")
    return ["predict", *fit[1:], *asked, "--model.generator.init_args.steps", "2", *more]


def test_images_of_trained_weights_state_the_trainings_epsilon(
    fit: list[str], public_weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Fit, verify, predict, verify; then all that must be refused with such weights."""
    assert main(fit) == 0
    assert "Epsilon of these weights: 9.99" in capsys.readouterr().out
    assert charges() == 1
    trained, before = load_file(WEIGHTS), load_file(public_weights)
    assert trained.keys() == before.keys()
    moved = {name for name in trained if not torch.equal(trained[name], before[name])}
    assert moved and all(".attentions." in name and ".to_" in name for name in moved)
    certificate = read_certificate(WEIGHTS.parent)
    assert (certificate.status, certificate.mechanism["name"]) == ("private", "dpsgd")
    assert certificate.accountants["prv"] == pytest.approx(10, abs=0.2)
    assert certificate.rng == "os.urandom"
    logged = [table.read_text() for table in Path("runs/logs").rglob("metrics.csv")]
    assert not any("train" in text for text in logged)  # losses on private images are private
    words = (WEIGHTS.parent / "certificate.md").read_text()
    assert "The trained weights, and all that is computed from them" in words
    assert "generator and encoder are taken" not in words
    assert main(["verify", str(WEIGHTS.parent), "--store", "store"]) == 0
    assert "The weights are the ones certified." in capsys.readouterr().out

    elsewhere = Path("elsewhere.safetensors")  # the certificate beside them stays behind
    shutil.copy(WEIGHTS, elsewhere)
    assert main(drawn(fit, "--weights", str(elsewhere))) == 0
    assert "Epsilon of this run: 9.99" in capsys.readouterr().out
    images = read_certificate(Path("runs/x"))
    assert images.status == "private"
    assert (images.epsilon, images.event, images.ledger) == (certificate.epsilon, certificate.event, certificate.ledger)
    assert images.retriever["name"] == "public"
    assert main(["verify", "runs/x", "--store", "store"]) == 0
    assert charges() == 1  # images are free

    assert "--retriever public" in refusal(
        capsys, drawn(fit, "--weights", str(elsewhere), "--retriever", "exact", "--name", "y")
    )
    assert charges() == 1 and not Path("runs/y").exists()
    again = [*fit, "--model.generator.init_args.weights", str(elsewhere), "--eps", "20"]
    main(["ledger", "cap", "store", "--eps", "40", "--delta", "0.001"])
    assert "trained on private images already" in refusal(capsys, again)
    assert charges() == 1
    WEIGHTS.write_bytes(WEIGHTS.read_bytes() + b"x")
    assert "its hash differs" in refusal(capsys, ["verify", str(WEIGHTS.parent)])


def test_a_budget_that_is_spent_trains_nothing(fit: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    main(["ledger", "cap", "store", "--eps", "1", "--delta", "0.004"])
    assert "of 1 is spent" in refusal(capsys, fit)
    assert charges() == 0 and not WEIGHTS.exists()


def test_an_interrupted_training_is_lost_and_says_so(
    fit: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(self: PrivateFineTuning, batch: object, _index: int) -> None:
        assert charges() == 1  # paid before the first step
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(PrivateFineTuning, "training_step", interrupted)
        assert main(fit) == 130
    assert "the same command trains anew and is charged anew" in capsys.readouterr().err
    assert not WEIGHTS.exists() and not list(Path().rglob("*.ckpt"))
    assert "is spent" in refusal(capsys, fit)  # the budget is gone
    assert charges() == 1


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--ckpt_path", "x.ckpt"], "checkpoint"),
        (["--trainer.max_steps", "-1"], "max_steps"),
        (["--trainer.callbacks", "[]"], "CertifiedExport"),
        (["--private.class_path", "FashionDemo", "--private.init_args.split", "private"], "made of the images"),
    ],
)
def test_what_would_be_lost_or_wrong_is_refused_before_it_costs(
    fit: list[str], more: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sentence in refusal(capsys, [*fit, *more])
    assert not PrivateStore(Path("store")).ledger_path.exists() or charges() == 0


def _table(images: Path) -> str:
    """A table in which one person holds half of the images."""
    names = sorted(path.name for path in images.iterdir())
    rows = [f"{name},,{'anna' if number % 2 else number}" for number, name in enumerate(names)]
    Path("table.csv").write_text("\n".join(["file,caption,person", *rows]))
    return "table.csv"


@pytest.mark.parametrize("limit", [[], ["--max_per_group", "4"]])
def test_hazard_18_a_store_of_persons_is_refused_before_anything_is_read(
    fit: list[str], private_images: Path, limit: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    persons = ["--captions", _table(private_images), "--group_column", "person", *limit]
    assert main(["index", "--images", str(private_images), "--encoder", "demo", "--out", "persons", *persons]) == 0
    before = {path: path.read_bytes() for path in Path("persons").iterdir()}
    for vectors in Path("persons").glob("*.vectors.npy"):
        vectors.write_bytes(b"not to be opened")
    sentence = refusal(capsys, [*fit, "--private_store", "persons", "--eps", "10", "--delta", "1e-5"])
    assert "in persons it is a person, and private training protects single images only. Use `predict`" in sentence
    assert {path.name for path in Path("persons").iterdir()} == {path.name for path in before}
    assert not Path("persons/ledger.sqlite").exists() and not WEIGHTS.exists()


def test_hazard_18_private_images_of_persons_are_refused_before_they_are_embedded(
    fit: list[str], private_images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    named = ["--private.init_args.captions", _table(private_images), "--private.init_args.group_column", "person"]
    for store in ("store", "nowhere"):
        sentence = refusal(capsys, [*fit, *named, "--private_store", store])
        assert "naming persons would have no effect" in sentence
    assert not Path("nowhere").exists() and not Path("store/ledger.sqlite").exists()


def test_an_ordinary_fit_reads_no_private_images(capsys: pytest.CaptureFixture[str]) -> None:
    assert "reads public data only" in refusal(capsys, ["fit", "--config", "demo.yaml", "--eps", "10"])
    assert "reads public data only" in refusal(capsys, ["validate", "--config", "demo.yaml", "--eps", "10"])
