"""The experiments of this study, and what was done to each."""

from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Case:
    """An experiment file, and the fault in it.

    - `name`: of its file, without `.toml`
    - `what`: the fault, in a few words
    - `planted`: the findings that name it; empty where nothing is wrong, or nothing that costs
      5 points or more
    - `quick`: whether it is in the small version
    """

    name: str
    what: str
    planted: tuple[str, ...]
    quick: bool = False

    @property
    def file(self) -> Path:
        """Its experiment file."""
        return HERE / f"{self.name}.toml"


HEALTHY = Case("healthy", "nothing", (), quick=True)

# What answers in circulation name. A client that holds one or two classes is at fault by its labels
# (FW101), by training on them for long (FW303), and by what a small cohort forgets (FW407, FW414).
CLAIMED = (
    Case("skewed", "two classes a client, 10 local epochs", ("FW101", "FW303")),
    Case(
        "one_class_a_round",
        "one class a client, one client a round",
        ("FW101", "FW303", "FW407", "FW414"),
    ),
    Case("imbalanced", "very uneven classes and sizes", ("FW101", "FW103")),
    Case("overfitting", "20 examples a client, 20 local epochs", ()),
    Case("too_small", "a model with one hidden unit", ("FW208",)),
    Case("five_leave_bytes", "pixels from 0 to 255 at five of 20 clients", ("FW606",)),
    Case("noisy", "noise on the clients' images", ("FW104", "FW108")),
    Case("rate_too_low", "client learning rate 0.0001", ("FW302",)),
    Case("rate_too_high", "client learning rate 10", ("FW301",)),
)

# What they leave out.
LEFT_OUT = (
    Case("unscaled", "pixels from 0 to 255", ("FW106",), quick=True),
    Case("divided_twice", "pixels divided by 255 twice", ("FW106",)),
    Case("softmax_as_logits", "softmax, and a loss that takes logits", ("FW201",)),
    Case("logits_as_probabilities", "logits, and a loss that takes probabilities", ("FW202",)),
    Case("labels_from_one", "labels from 1 to 10", ("FW110",)),
    Case("test_labels_by_name", "test classes numbered by their names", ("FW503",), quick=True),
    Case("labels_in_another_order", "images shuffled without their labels", ("FW112",)),
    Case("batch_norm", "batch statistics never aggregated", ("FW205",)),
    Case("server_adam", "Adam at the server with rate 1", ("FW403",)),
    Case("server_too_low", "server learning rate 0.001", ("FW402",)),
)

CASES = (HEALTHY, *CLAIMED, *LEFT_OUT)

# Each claimed cause in several strengths: what is changed in its experiment file.
STRENGTHS = {
    "Clients hold few classes, and train long": (
        ("skewed", (), "two classes, 10 epochs"),
        ("skewed", ("partition.labels=1",), "one class, 10 epochs"),
        ("one_class_a_round", (), "one class, 10 epochs, one client a round"),
    ),
    "Classes and sizes are uneven": (
        ("imbalanced", (), "Dirichlet 0.05"),
        ("imbalanced", ("partition.alpha=0.02",), "Dirichlet 0.02"),
    ),
    "Clients overfit": (
        ("overfitting", ("client.epochs=2",), "20 examples, 2 epochs, which overfit less"),
        ("overfitting", (), "20 examples, 20 epochs"),
        ("overfitting", ("partition.clients=600",), "5 examples, 20 epochs"),
    ),
    "The model is too small": (
        ("too_small", ("model.hidden=[]",), "no hidden layer"),
        ("too_small", (), "1 hidden unit"),
    ),
    "Images are noisy": (
        ("noisy", (), "deviation 0 to 2"),
        ("noisy", ("shift.sigma=16.0",), "deviation 0 to 4"),
    ),
    "The client learning rate is too low": (
        ("rate_too_low", ("client.learning_rate=0.001",), "0.001"),
        ("rate_too_low", (), "0.0001"),
    ),
    "The client learning rate is too high": (
        ("rate_too_high", ("client.learning_rate=2.0",), "2"),
        ("rate_too_high", (), "10"),
    ),
}

# Experiments that are also run for five times their rounds.
WAITED = ("unscaled", "rate_too_low", "softmax_as_logits", "imbalanced")
