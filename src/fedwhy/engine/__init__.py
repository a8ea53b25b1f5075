"""The round engine: rounds as one compiled program."""

from fedwhy.engine.agreement import mean_cosine, state_spread
from fedwhy.engine.cache import keep_compiled_programs
from fedwhy.engine.compiled import MOST_ROUNDS
from fedwhy.engine.engine import Engine, Settings
from fedwhy.engine.plan import Cohort, sample_cohort
from fedwhy.engine.program import ClientState
from fedwhy.engine.rounds import RoundResult, Rounds
from fedwhy.engine.states import ClientStates
from fedwhy.engine.traffic import Traffic, traffic
from fedwhy.engine.tuning import local_settings

__all__ = [
    "MOST_ROUNDS",
    "ClientState",
    "ClientStates",
    "Cohort",
    "Engine",
    "RoundResult",
    "Rounds",
    "Settings",
    "Traffic",
    "keep_compiled_programs",
    "local_settings",
    "mean_cosine",
    "sample_cohort",
    "state_spread",
    "traffic",
]
