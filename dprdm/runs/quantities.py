"""What a number in a result is called, which values are better, and how it is written."""

from dataclasses import dataclass

from dprdm import registry

LOWER, HIGHER = "lower is better", "higher is better"


@dataclass(frozen=True)
class Quantity:
    """What a table, a plot and a page must know of one column of numbers.

    Args:
        name: as in files of results and on the command line.
        label: as a reader sees it, in the middle of a sentence: `FID`, `recall`.
        better: which values are better, in words, such as `lower is better`; empty where none are.
        digits: decimals in a table.
        scale: factor in a table, which is then part of the column's head.
        description: what the number says, in a sentence without a full stop.
    """

    name: str
    label: str
    better: str = ""
    digits: int = 3
    scale: float = 1.0
    description: str = ""

    @property
    def head(self) -> str:
        """The label with the factor of the column: `KID x 1000`."""
        return self.label if self.scale == 1 else f"{self.label} x {self.scale:g}"

    @property
    def axis(self) -> str:
        """The label with what is better: `FID, lower is better`."""
        return f"{self.label}, {self.better}" if self.better else self.label


COSINE = Quantity("cosine", "cosine to the clean mean", HIGHER)
NEIGHBOUR_RECALL = Quantity("recall", "share of the clean mean's neighbours found", HIGHER)
CLASS_RANK = Quantity("class_rank", "rank of the right class", LOWER)
CLASS_FIRST = Quantity("class_first", "share of answers with the right class first", HIGHER)
TPR_AT_1_FPR = Quantity("tpr_at_1_fpr", "TPR at 1% FPR", "lower is safer")
TPR_AT_10_FPR = Quantity("tpr_at_10_fpr", "TPR at 10% FPR", "lower is safer")
TPR_ALLOWED_AT_1_FPR = Quantity("tpr_allowed_at_1_fpr", "TPR allowed at 1% FPR")
AUC = Quantity("auc", "AUC", "0.5 is a coin's")
EPSILON = Quantity("epsilon", "epsilon")
COSINE_TO_THE_IMAGE = Quantity("cosine_to_the_one", "cosine to the one image")
DISTANCE_BETWEEN_ANSWERS = Quantity("distance_with_and_without", "distance with and without it")
# Numbers that commands measure themselves; those of images are plugins. `recall` is left to these: a file of results
# says which of the two it holds.
OF_COMMANDS = {
    quantity.name: quantity
    for quantity in (
        COSINE, CLASS_RANK, CLASS_FIRST, TPR_AT_1_FPR, TPR_AT_10_FPR, TPR_ALLOWED_AT_1_FPR, AUC, EPSILON,
        COSINE_TO_THE_IMAGE, DISTANCE_BETWEEN_ANSWERS,
    )
}  # fmt: skip


def quantity_named(name: str) -> Quantity:
    """Return the quantity of this name: a command's or a metric's; a plain one if nobody knows it.

    Loads the metric. Files of results say themselves what they hold, so this is for those of version 0.4.
    """
    if name in OF_COMMANDS:
        return OF_COMMANDS[name]
    if name in registry.names("metric"):
        quantity: Quantity = registry.find("metric", name).quantity
        return quantity
    return Quantity(name, name.replace("_", " "))
