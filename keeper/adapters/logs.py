"""Logs: structlog to stderr, for a person or as JSON lines, with every secret taken out on the way."""

import logging
import sys
from collections.abc import Callable, Sequence
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from keeper.core.redact import redact

LIBRARIES = ("web3", "aiohttp", "urllib3", "httpx", "asyncio", "sqlalchemy", "alembic")


def configure(log_format: str, level: str, secrets: Sequence[str]) -> None:
    """Set up structlog for this process. Libraries' own loggers may say warnings only: at DEBUG they print URLs."""
    for name in LIBRARIES:
        logging.getLogger(name).setLevel(logging.WARNING)
    renderer: Processor = (
        structlog.processors.JSONRenderer()
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.dict_tracebacks if log_format == "json" else _keep,
            redaction(secrets),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


def redaction(secrets: Sequence[str]) -> Callable[[WrappedLogger, str, EventDict], EventDict]:
    """A processor that takes secrets out of every text in an event, however deep."""

    def clean(value: Any) -> Any:
        match value:
            case str():
                return redact(value, secrets)
            case dict():
                return {key: clean(inner) for key, inner in value.items()}
            case list() | tuple():
                return [clean(inner) for inner in value]
            case BaseException():
                return redact(f"{type(value).__name__}: {value}", secrets)
            case _:
                return value

    def process(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        return {key: clean(value) for key, value in event.items()}

    return process


def _keep(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return event
