"""What clients tell of their examples, a theme each; see `DataFacts`."""
