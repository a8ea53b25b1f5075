"""The search for causes: counterfactual runs, and what the data hold."""
