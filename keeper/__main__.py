"""`python -m keeper`."""

from keeper.entrypoints.cli.main import main

if __name__ == "__main__":
    main()
