"""Sources: datasets by name, and where their files come from."""

from fedwhy.data.sources.catalogue import SOURCES
from fedwhy.data.sources.load import load, variant
from fedwhy.data.sources.source import Source, SourceEntry, Variant

__all__ = ["SOURCES", "Source", "SourceEntry", "Variant", "load", "variant"]
