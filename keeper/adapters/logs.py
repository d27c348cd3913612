"""Logs: structlog to stderr, for a person or as JSON lines, with every secret taken out on the way."""

import contextlib
import logging
import sys
from collections.abc import Callable, Sequence
from typing import Any, TextIO, cast

import structlog
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import EventDict, Processor, WrappedLogger

from keeper.core.redact import Redactor

LIBRARIES = ("web3", "aiohttp", "urllib3", "httpx", "httpcore", "asyncio", "sqlalchemy", "alembic")


class Lasting:
    """A stream whose end stops nobody. A log's reader may leave and its disk may fill up while a transaction is under
    way; what must not be lost is in the database."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError):
            return self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            self._stream.flush()


def configure(log_format: str, level: str, secrets: Sequence[str]) -> None:
    """Set up structlog for this process. Libraries' own loggers may say warnings only: at DEBUG they print URLs."""
    for name in LIBRARIES:
        logging.getLogger(name).setLevel(logging.WARNING)
    # structlog's own tracebacks show local variables: keys and endpoints among them
    tracebacks: Processor = structlog.processors.format_exc_info
    renderer: Processor = structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
    )
    if log_format == "json":
        tracebacks = structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False))
        renderer = structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            tracebacks,
            redaction(secrets),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(cast(TextIO, Lasting(sys.stderr))),
        cache_logger_on_first_use=False,
    )


def redaction(secrets: Sequence[str]) -> Callable[[WrappedLogger, str, EventDict], EventDict]:
    """A processor that takes secrets out of every text in an event, however deep."""
    redact = Redactor(secrets)

    def clean(value: Any) -> Any:
        match value:
            case str():
                return redact(value)
            case dict():
                return {key: clean(inner) for key, inner in value.items()}
            case list() | tuple():
                return [clean(inner) for inner in value]
            case BaseException():
                return redact(f"{type(value).__name__}: {value}")
            case _:
                return value

    def process(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        return {key: clean(value) for key, value in event.items()}

    return process
