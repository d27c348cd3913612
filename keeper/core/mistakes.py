"""What an operator got wrong, in words that an operator can act on."""

from collections.abc import Iterable


class ConfigurationError(Exception):
    """What is wrong with the configuration, a line each, fit for an operator. Never holds a secret."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(self.problems))


class SetupStopped(Exception):
    """A set-up cannot go on by itself. One line for an operator; what was sent until then is in the record, and
    starting again goes on from there."""
