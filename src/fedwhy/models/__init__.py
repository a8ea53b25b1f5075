"""Any front end as one value, `Model`: Keras, Flax NNX, plain JAX functions, and a zoo."""

from fedwhy.models.model import Description, Layer, Metric, Model, Recipe, Weights, mean_metric
from fedwhy.models.zoo import ZOO

__all__ = ["ZOO", "Description", "Layer", "Metric", "Model", "Recipe", "Weights", "mean_metric"]
