"""``python -m myna`` runs the command line, also where the script is not on PATH."""

from myna.cli import main

main()
