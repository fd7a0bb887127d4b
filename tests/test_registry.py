"""Plugins are known by name: the built-in ones, and a stranger's."""

import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import EntryPoint, EntryPoints
from typing import final

import pytest

from dprdm import registry
from dprdm.errors import UnknownPlugin, UserError
from dprdm.plugins.retrievers.public import Public
from dprdm.registry import MOVED, broken, class_path, create, current_path, find, instantiate, load_all, names

KINDS = sorted(registry.KINDS)


@pytest.fixture
def declare(monkeypatch):
    """Declare entry points beside the built-in ones of their groups."""

    def more(**values: str) -> None:
        kind = "retriever"
        real = registry.entry_points
        group = registry.KINDS[kind].group
        extra = [EntryPoint(name.rstrip("_"), value, group) for name, value in values.items()]
        monkeypatch.setattr(registry, "entry_points", lambda group: EntryPoints([*real(group=group), *extra]))
        registry._entries.cache_clear()

    yield more
    monkeypatch.undo()
    registry._entries.cache_clear()


@pytest.mark.parametrize("kind", KINDS)
def test_every_built_in_plugin_loads_and_is_of_its_kind(kind):
    assert names(kind) == tuple(sorted(load_all(kind)))
    assert broken(kind) == {}


def test_names_and_paths_load_nothing():
    code = (
        "import sys; from dprdm.registry import *; print([names(k) for k in KINDS], class_path('generator', 'unclip'), "
    )
    code += "class_path('features', 'Inception'), {'torch', 'numpy', 'PIL'} & set(sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.endswith("dprdm.generation.unclip.UnclipGenerator dprdm.metrics.networks.Inception set()\n"), out


@pytest.mark.parametrize("name", ["gaussian", "Gaussian", "dprdm.plugins.mechanisms.gaussian.Gaussian"])
def test_short_name_class_name_and_full_path_mean_the_same(name):
    assert find("mechanism", name) is find("mechanism", "gaussian")
    assert class_path("mechanism", name) == "dprdm.plugins.mechanisms.gaussian.Gaussian"


def test_a_class_that_nobody_declares_is_found_by_its_path():
    assert find("reader", "tests.data.pictures.Pictures").__name__ == "Pictures"
    assert class_path("reader", "tests.data.pictures.Pictures") == "tests.data.pictures.Pictures"


@pytest.mark.parametrize(
    ("kind", "name", "sentence"),
    [
        ("mechanism", "gausian", r"no mechanism is called 'gausian'. Known: .*gaussian.* Did you mean 'gaussian'\?$"),
        ("reader", "cocoa", r"no reader is called 'cocoa'. Known: cifar10, .*Did you mean 'coco'\?$"),
        ("features", "incepton", r"no feature network is called .* Did you mean 'inception'\?$"),
        ("reader", "nobody.knows.This", r"no reader is called .* As a full path it fails: No module named 'nobody'"),
        ("reader", "dprdm.data.readers.coco.Cocoa", r"As a full path it fails: module .* has no attribute 'Cocoa'"),
    ],
)
def test_an_unknown_name_lists_the_known_and_the_nearest(kind, name, sentence):
    for resolve in (find, class_path):
        with pytest.raises(UnknownPlugin, match=sentence):
            resolve(kind, name)


def test_null_is_no_name():
    with pytest.raises(
        UnknownPlugin, match=r"Expected a mechanism by name, got null. The one without privacy is called 'non"
    ):
        class_path("mechanism", None)


@pytest.mark.parametrize("path", ["pathlib.Path", "dprdm.errors.UserError", "dprdm.retrieval.retriever.Retriever"])
def test_what_is_no_plugin_of_the_kind_is_refused(path):
    with pytest.raises(UserError, match=r"Expected a .*retriever.*is none|lacks search"):
        find("retriever", path)


def test_fields_are_checked_before_anything_is_made():
    assert create("mechanism", "gaussian", k=3).k == 3
    with pytest.raises(UserError, match=r"gaussian has no field 'kk'. It has: k, sampling_rate, .*Did you mean 'k'\?"):
        create("mechanism", "gaussian", kk=3)
    with pytest.raises(UserError, match="Expected a reader that needs no settings; coco needs root"):
        create("reader", "coco")


def test_two_plugins_of_one_name_are_refused_naming_both(declare):
    declare(exact="acme.search:Exact", signs="acme.signs:Signs")
    with pytest.raises(
        UserError, match=r"Two retrievers are called 'exact': dprdm.*Exact of dprdm .* and acme.search.E"
    ):
        find("retriever", "exact")
    assert find("retriever", "public").name == "public", "the others still work"


@final
@dataclass(frozen=True)
class Impostor(Public):
    """A retriever that goes by the name of another."""


def test_a_plugin_by_its_path_may_not_go_by_a_known_name():
    with pytest.raises(
        UserError, match=r"Two retrievers are called 'public': dprdm.* and tests.test_registry.Impostor"
    ):
        find("retriever", "tests.test_registry.Impostor")


def test_a_broken_plugin_breaks_itself_alone(declare):
    declare(signs="acme.signs:Signs")
    assert "signs" in names("retriever")
    assert class_path("retriever", "signs") == "acme.signs.Signs"
    with pytest.raises(UserError, match=r"The retriever signs .* cannot be loaded: ModuleNotFoundError: .*'acme'"):
        find("retriever", "signs")
    assert list(broken("retriever")) == ["signs"]


def test_a_plugin_has_one_name(declare):
    declare(nearest="dprdm.plugins.retrievers.public:Public")
    with pytest.raises(UserError, match=r"to have one name; its entry point says 'nearest' and .* says 'public'"):
        find("retriever", "nearest")


def test_a_checkout_that_is_not_installed_says_so(monkeypatch):
    monkeypatch.setattr(registry, "entry_points", lambda group: EntryPoints())
    registry._entries.cache_clear()
    with pytest.raises(UserError, match=r"the checkout is not installed.*Run `pip install -e \.`"):
        names("mechanism")


@pytest.mark.parametrize(
    ("old", "kind"),
    [
        ("plugins.mechanisms.gaussian.Gaussian", "mechanism"),
        ("plugins.retrievers.faiss_ivf.FaissIvf", "retriever"),
        ("plugins.denoisers.public_prior.PublicPriorDenoiser", "denoiser"),
        ("dprdm.data.folder.ImageFolder", "reader"),
        ("dprdm.data.fashion.FashionDemo", "reader"),
        ("dprdm.data.fashion_mnist.FashionMnist", "reader"),
        ("dprdm.data.coco.Coco", "reader"),
        ("dprdm.data.cifar10.Cifar10", "reader"),
        ("dprdm.data.imagenet.ImageNet", "reader"),
        ("dprdm.data.parquet.Parquet", "reader"),
        ("dprdm.data.tars.Tars", "reader"),
        ("dprdm.data.prompts.PromptsOnly", "reader"),
        ("dprdm.metrics.demo_classifier.DemoClassifier", "features"),
        ("dprdm.metrics.networks.Inception", "features"),
        ("dprdm.encoders.clip.ClipEncoder", "encoder"),
        ("dprdm.model.RetrievalDiffusion", "generator"),
        ("dprdm.pipelines.unclip.UnclipGenerator", "generator"),
        ("dprdm.pipelines.ip_adapter.IpAdapterGenerator", "generator"),
    ],
)
def test_class_paths_of_version_0_4_still_resolve(old, kind):
    plugin = find(kind, old)
    assert class_path(kind, old) == f"{plugin.__module__}.{plugin.__qualname__}"


def test_moved_modules_are_where_the_table_says():
    for new in MOVED.values():
        __import__(new.rstrip("."))
    assert current_path("dprdm.callbacks.Export") == "dprdm.training.callbacks.Export"
    assert current_path("torch.nn.Linear") == "torch.nn.Linear"


def test_a_parsed_config_is_made():
    from jsonargparse import Namespace

    made = instantiate(Namespace(class_path="plugins.mechanisms.gaussian.Gaussian", init_args=Namespace(k=4)))
    assert made.k == 4
