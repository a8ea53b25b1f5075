"""Tracking: the run folder."""

from fedwhy.tracking.folder import RunFolder, finite, read_record

__all__ = ["RunFolder", "finite", "read_record"]
