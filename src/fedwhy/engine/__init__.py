"""The round engine: one round as one compiled program."""

from fedwhy.engine.engine import Engine, Settings
from fedwhy.engine.program import ClientState
from fedwhy.engine.rounds import RoundResult, Rounds
from fedwhy.engine.states import ClientStates
from fedwhy.engine.tuning import local_settings

__all__ = [
    "ClientState",
    "ClientStates",
    "Engine",
    "RoundResult",
    "Rounds",
    "Settings",
    "local_settings",
]
