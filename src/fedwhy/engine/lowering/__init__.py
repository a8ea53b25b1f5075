"""Rewrites a model's slow operations into ones that loops run fast, before differentiation."""

from fedwhy.engine.lowering.model import can_lower, lower

__all__ = ["can_lower", "lower"]
