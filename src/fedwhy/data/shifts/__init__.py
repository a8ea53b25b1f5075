"""Shifts: changes of what clients hold, not of who holds what."""

from fedwhy.data.shifts.labels import LabelNoise
from fedwhy.data.shifts.noise import GaussianNoise
from fedwhy.data.shifts.poison import Backdoor, LabelFlip
from fedwhy.data.shifts.rotation import Rotation
from fedwhy.data.shifts.shift import Shift, changed, shift

SHIFTS: dict[str, type] = {
    "noise": GaussianNoise,
    "rotation": Rotation,
    "labels": LabelNoise,
    "label_flip": LabelFlip,
    "backdoor": Backdoor,
}
# Those of them at the clients that they name.
POISONS = ("label_flip", "backdoor")

__all__ = [
    "POISONS",
    "SHIFTS",
    "Backdoor",
    "GaussianNoise",
    "LabelFlip",
    "LabelNoise",
    "Rotation",
    "Shift",
    "changed",
    "shift",
]
