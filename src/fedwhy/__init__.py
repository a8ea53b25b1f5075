"""fedwhy: federated learning on JAX that tells you why."""
