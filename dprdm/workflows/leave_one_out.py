"""The demonstration of the DP-RDM paper: a set with one striking image and without it, queried alike, side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dprdm.audit.leave_one_out import AnswersToPrompt, OneClassGone, query_both, take_out
from dprdm.data.readers.source import ImageSource
from dprdm.data.stand_in import StandIn
from dprdm.figures.grid import grid
from dprdm.files import write_whole
from dprdm.generation.rendering import write_png
from dprdm.runs.provenance import Provenance
from dprdm.runs.quantities import COSINE_TO_THE_IMAGE, DISTANCE_BETWEEN_ANSWERS
from dprdm.runs.results import Measurement, Picture, Row
from dprdm.workflows.draw import InMemoryRenderer
from dprdm.workflows.membership import AttackedMechanism

FOLDER = "minus_one"


@dataclass(frozen=True, eq=False)
class LeaveOneOut:
    """A set without any image of a class but one, and the same set without that one.

    Args:
        stand_in: all records.
        gone: the class that was taken out, and its one record.
        striking: its name.
        renderer: draws images of the answers.
        out: folder of the pictures.
    """

    stand_in: StandIn
    gone: OneClassGone
    striking: str
    renderer: InMemoryRenderer
    out: Path

    def run(self, source: ImageSource, attacked: Sequence[AttackedMechanism]) -> tuple[list[Row], list[Picture]]:
        """Draw two rows of images a mechanism, with and without the image; the seeds of a column are the same.

        Args:
            source: the stand-in's images.
            attacked: each planned for the answers of one row.
        """
        rows, shown = [], [("the image itself", [self._write_striking(source)])]
        for mechanism in attacked:
            pair = query_both(self.gone, mechanism.plan)
            means = [answers.answered.vectors.mean(axis=0) for answers in pair]
            distance = float(np.linalg.norm(means[0] - means[1]))
            for answers in pair:
                name = f"{mechanism.name}, {'with' if answers.has_striking else 'without'} the {self.striking}"
                files = self._draw(answers, name)
                shown.append((name, files))
                rows.append(self._row(name, mechanism, answers, distance, files))
        picture = grid(shown)
        write_whole(self.out / "minus_one.png", lambda path: picture.save(path, format="PNG"))
        return rows, [self._picture(rows)]

    def _write_striking(self, source: ImageSource) -> Path:
        path = self.out / FOLDER / "the_one.png"
        picture = source.image(int(self.stand_in.source_index[self.gone.position]))
        write_whole(path, lambda file: picture.save(file, format="PNG"))
        return path

    def _draw(self, answers: AnswersToPrompt, name: str) -> list[Path]:
        files = []
        for number, pixels in enumerate(self.renderer.render(answers.answered)):
            files.append(self.out / FOLDER / f"{name.replace(',', '').replace(' ', '_')}-{number:02d}.png")
            write_png(files[-1], pixels)
        return files

    def _row(
        self, name: str, mechanism: AttackedMechanism, answers: AnswersToPrompt, distance: float, files: Sequence[Path]
    ) -> Row:
        count, is_private = len(answers.cosines), self.stand_in.is_private
        provenance = Provenance("released vectors; the set minus one", "", "", 1, count, is_private)
        cosine, half = float(answers.cosines.mean()), 1.96 * float(answers.cosines.std()) / count**0.5
        numbers = (
            Measurement(COSINE_TO_THE_IMAGE.name, cosine, provenance, cosine - half, cosine + half),
            Measurement(DISTANCE_BETWEEN_ANSWERS.name, distance, provenance),
        )
        images = tuple(str(file.relative_to(self.out)) for file in files)
        return Row(name, mechanism.status, {**mechanism.settings, "asked": "minus one"}, numbers, images)

    def _picture(self, rows: Sequence[Row]) -> Picture:
        caption = (
            f"A set without any {self.striking} but one, and the same set without it, asked for a {self.striking}. Without "
            "privacy the one image shows; with it the two sets answer alike, but for the noise. Columns have the same seed."
        )
        numbers = ", ".join(f"{row.name}: {row.measurements[0].value:.2f}" for row in rows)
        alt = f"Rows of images; mean cosine of the released vectors to the image: {numbers}."
        return Picture("minus_one.png", caption, alt)


def leave_one_out(stand_in: StandIn, striking: str, renderer: InMemoryRenderer, out: Path) -> LeaveOneOut:
    """Take every image of a class out but the one nearest to the class's name.

    Raises:
        UserError: if no caption of the stand-in is called `striking`.
    """
    return LeaveOneOut(stand_in, take_out(stand_in, striking), striking, renderer, out)
