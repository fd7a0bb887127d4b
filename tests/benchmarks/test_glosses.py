import numpy as np
import pytest

from dprdm.errors import UserError
from tests.benchmarks.scripts import script

glosses = script("glosses")

LICENCE = "  1 This software and database is being provided to you, the LICENSEE, by\n"
LINE = '{offset:08d} 05 n 02 golden_retriever 0 dog(a) 1 001 @ 02099267 n 0000 | a {offset}th breed; "it barks"  \n'


class Encoder:
    """As many numbers as a text has letters of a kind."""

    def encode(self, texts, **settings):
        rows = np.array([[text.count(letter) + 1.0 for letter in "0123456789abc"] for text in texts], np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture
def wordnet(tmp_path, monkeypatch):
    monkeypatch.setattr(glosses, "_encoder", Encoder)
    for part in ("noun", "verb", "adj", "adv"):
        lines = [LINE.format(offset=offset) for offset in range(500)]
        (tmp_path / f"data.{part}").write_text(LICENCE + "".join(lines), encoding="utf-8")
    return tmp_path


def test_a_line_is_read_without_markers_and_examples(wordnet):
    first, *_ = found = glosses.synsets(wordnet, "noun")
    assert (first.name, first.words, first.gloss) == ("noun 00000000", "golden retriever, dog", "a 0th breed")
    assert len(found) == 500


def test_the_split_is_the_same_every_time_and_is_kept_once_made(wordnet, tmp_path):
    made, again = (glosses.load(tmp_path / name, wordnet) for name in ("first", "second"))
    assert np.array_equal(made.private, again.private) and np.array_equal(made.public_rows, again.public_rows)
    assert abs(len(made.private) - 275) < 60 and 0 < len(made.queries) < 20
    assert abs(len(made.public) - 1075) < 100 and len(made.public_queries) == len(made.public_rows)
    (wordnet / "data.noun").unlink()
    assert np.array_equal(glosses.load(tmp_path / "first", wordnet).private, made.private)


def test_what_is_missing_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(glosses, "_encoder", Encoder)
    with pytest.raises(UserError, match="wordnet-base"):
        glosses.load(tmp_path, tmp_path)
    assert not (tmp_path / glosses.FILE).exists()
