"""Rewrites a model's slow operations into ones that loops run fast, before differentiation."""

from fedwhy.engine.lowering.model import lower, lowered_operations

__all__ = ["lower", "lowered_operations"]
