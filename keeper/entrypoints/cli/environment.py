"""What a command begins with: the environment's settings, and logs that keep off stdout, which is the answer's."""

from keeper.adapters.logs import configure
from keeper.settings import Settings


def load_settings() -> Settings:
    """Logs go to stderr from then on, without the secrets of these settings. Raises ConfigurationError."""
    settings = Settings.load()
    configure(settings.log_format, settings.log_level, settings.secrets())
    return settings
