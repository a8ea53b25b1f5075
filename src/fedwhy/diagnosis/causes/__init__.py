"""The causes, a file each, in the groups of their codes."""
