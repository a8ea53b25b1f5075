"""Aggregators: what happens to updates between the clients and the server's step."""

from fedwhy.aggregators.aggregator import Aggregator, Message
from fedwhy.aggregators.mean import WEIGHTINGS, mean

__all__ = ["WEIGHTINGS", "Aggregator", "Message", "mean"]
