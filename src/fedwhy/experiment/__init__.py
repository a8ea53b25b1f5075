"""Experiment files: one TOML file that says everything about a run."""

from fedwhy.experiment import catalogue
from fedwhy.experiment.experiment import Experiment

__all__ = ["Experiment", "catalogue"]
