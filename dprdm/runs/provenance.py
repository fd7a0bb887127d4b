"""What must be known of a number before it can stand beside another."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Provenance:
    """How a metric's value was made. Two values belong in one column only where this is equal in every part.

    Args:
        features: the feature network's name, or what the number is made of where there is no network.
        weights_sha256: of the feature network; empty where there is none.
        resize: what it did to the images' size.
        n_real: real images (or members, or queries with a known answer).
        n_generated: generated images (or releases).
        reads_private: whether the real images are private. Such a number is not covered by any certificate.
    """

    features: str
    weights_sha256: str
    resize: str
    n_real: int
    n_generated: int
    reads_private: bool

    def in_words(self) -> str:
        """Return one line, as it stands beneath a table."""
        weights = f", weights {self.weights_sha256[:12]}" if self.weights_sha256 else ""
        resize = f", resize {self.resize}" if self.resize else ""
        private = "; READS PRIVATE IMAGES" if self.reads_private else ""
        return f"{self.features}{weights}{resize}; {self.n_real:,} real, {self.n_generated:,} generated{private}"
