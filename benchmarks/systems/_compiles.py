"""Counts what JAX compiles, and how long that takes, from its own events."""

from __future__ import annotations

from jax import monitoring


class Compiles:
    """`count` programs compiled (or read from the cache) so far, in `seconds`."""

    def __init__(self) -> None:
        self.count, self.seconds = 0, 0.0
        monitoring.register_event_duration_secs_listener(self._heard)

    def _heard(self, event: str, seconds: float, **_: object) -> None:
        if event == "/jax/core/compile/backend_compile_duration":
            self.count += 1
            self.seconds += seconds
