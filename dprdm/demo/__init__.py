"""Files that travel with the package: the demo's images and weights. README.md says how each was made."""

from pathlib import Path

DEMO = Path(__file__).parent / "assets"
