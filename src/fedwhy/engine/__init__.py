"""The round engine: one round as one compiled program."""

from fedwhy.engine.engine import Engine, RoundResult, Rounds
from fedwhy.engine.program import ClientState, enrol

__all__ = ["ClientState", "Engine", "RoundResult", "Rounds", "enrol"]
