"""`python -m fedwhy`, the same as `fedwhy`."""

from fedwhy.cli import main

main()
