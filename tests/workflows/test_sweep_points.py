"""A point of a sweep is one `predict` with options of its own, on a budget of its own."""

from pathlib import Path

import pytest

from dprdm import registry
from dprdm.errors import UserError
from dprdm.workflows.options import PredictOptions
from dprdm.workflows.sweep_points import SweepRunner, change_options, releases_per_prompt


@pytest.mark.parametrize(
    ("images", "queries", "prompts", "expected"),
    [(20, None, 10, 20), (20, 1000, 10, 20), (20, 100, 10, 10), (20, 70, 10, 5), (7, 30, 10, 1), (6, 45.0, 10, 3)],
)
def test_releases_divide_the_images_and_fit_the_queries(images, queries, prompts, expected):
    assert releases_per_prompt(images, queries, prompts) == expected


def test_fewer_queries_than_prompts_are_refused():
    with pytest.raises(UserError, match="at least 10 queries"):
        releases_per_prompt(20, 9, 10)


def options(**changed: object) -> PredictOptions:
    plugins = {
        "mechanism": registry.create("mechanism", "gaussian", k=7),
        "retriever": registry.create("retriever", "exact"),
        "denoiser": registry.create("denoiser", "none"),
    }
    return PredictOptions(**{**plugins, "eps": 10.0, **changed})


def test_options_are_changed_by_name():
    changed = change_options(options(), {"mechanism.sampling_rate": 0.5, "eps": 1, "denoiser": "joint"})
    assert (changed.mechanism.k, changed.mechanism.sampling_rate) == (7, 0.5)  # fields that are not named stay
    assert (changed.eps, changed.denoiser.name, changed.retriever) == (1, "joint", options().retriever)
    assert change_options(options(), {"mechanism": "gaussian", "mechanism.k": 3}).mechanism.k == 3
    assert change_options(options(), {"mechanism": "nonprivate"}).mechanism.k == 20  # another plugin's own
    assert change_options(options(), {"weights": "x.safetensors"}).weights == Path("x.safetensors")


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"epss": 1}, "got 'epss'. Did you mean 'eps'?"),
        ({"model.steps": 3}, "got 'model.steps'"),
        ({"mechanism.kk": 1}, "has no field 'kk'"),
        ({"mechanism": "gausian"}, "Did you mean 'gaussian'?"),
        ({"eps": -1}, "eps=-1"),
        ({"queries": "many"}, "of the right type"),
    ],
)
def test_what_predict_would_not_take_is_refused(settings, sentence):
    with pytest.raises(UserError) as refused:
        change_options(options(), settings)
    assert sentence in str(refused.value)


@pytest.fixture
def store(tmp_path):
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "manifest.json").write_text("{}")
    return tmp_path / "store"


def runner(store: Path, predict, is_stand_in: bool = True) -> SweepRunner:
    return SweepRunner(predict, options(), ("bag", "dress"), 6, store, is_stand_in, store.parent / "points")


POINT = {"eps": 3, "queries": 4}


def test_a_point_is_asked_with_prompts_releases_and_a_store_of_its_own(store):
    requests = []
    points = runner(store, requests.append)
    assert points.run(POINT) != points.run({**POINT, "eps": 1})
    first, second = requests
    assert (first.eps, first.queries, first.prompt) == (3, 4, ["bag", "dress"])
    assert (first.releases_per_prompt, first.images_per_release) == (2, 3)
    assert first.out / first.name == store.parent / "points" / points.name(POINT) == points.run(POINT)
    assert first.private_store != second.private_store
    assert (first.private_store / "manifest.json").is_file()
    runner(store, requests.append, is_stand_in=False).run(POINT)
    assert requests[-1].private_store == store


def test_what_the_library_says_of_a_point_stays_in_its_folder(store):
    import logging

    def predict(request: PredictOptions) -> None:
        logging.getLogger("dprdm.workflows.predict").info("drawn")

    logging.getLogger("dprdm").setLevel(logging.INFO)
    folder = runner(store, predict).run(POINT)
    assert (folder / "log.txt").read_text() == "drawn\n"


def test_a_refused_point_is_named_and_an_interruption_goes_through(store):
    def refuse(request: PredictOptions) -> None:
        raise UserError("Expected more.")

    def interrupt(request: PredictOptions) -> None:
        raise KeyboardInterrupt

    with pytest.raises(UserError, match=r"^The point {'eps': 3, 'queries': 4} was refused\. Expected more\.$"):
        runner(store, refuse).run(POINT)
    with pytest.raises(KeyboardInterrupt):
        runner(store, interrupt).run(POINT)
