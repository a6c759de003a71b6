"""``python -m twingap``: the command line."""

from .studies.cli import main

if __name__ == "__main__":
    main()
