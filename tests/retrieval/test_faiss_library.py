"""Two distributions own the module faiss: with both, or with neither, one sentence says what to install."""

import pytest

from dprdm.errors import UserError
from dprdm.retrieval import faiss_library
from dprdm.retrieval.faiss_library import installed_distributions, load_faiss


def test_the_one_that_is_installed_is_loaded():
    assert len(installed_distributions()) == 1
    assert load_faiss().IndexFlatIP(3).d == 3


def test_two_distributions_of_faiss_are_refused(monkeypatch):
    monkeypatch.setattr(faiss_library, "version", lambda name: "1.15")
    with pytest.raises(UserError, match="both own the module faiss"):
        load_faiss()


def test_none_at_all_names_the_extras(monkeypatch):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(faiss_library.importlib, "import_module", missing)
    with pytest.raises(UserError, match=r"dprdm\[cpu\] or dprdm\[gpu\]"):
        load_faiss()
