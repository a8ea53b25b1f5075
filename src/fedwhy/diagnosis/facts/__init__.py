"""What causes look at, a theme each; see `Evidence`."""
