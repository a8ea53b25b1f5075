"""Rewrites a model's slow operations into ones that loops run fast, before differentiation."""

from fedwhy.engine.lowering.model import has_convolutions, lower

__all__ = ["has_convolutions", "lower"]
