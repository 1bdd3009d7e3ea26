"""One formatter and one redaction rule for every log line.

Lines are JSON: constant text, facts as fields. Fields that could hold what people wrote, where
they can be reached, or a credential never get out, whoever passes them.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

_NEVER = frozenset(
    {"text", "body", "address", "phone", "email", "token", "password", "secret", "cookie", "url"}
)


def _redact(logger: object, name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key in _NEVER & event.keys():
        event[key] = "***"
    return event


class _Line(logging.Formatter):
    """What libraries log, as one line of JSON; a traceback is a field of it."""

    def format(self, record: logging.LogRecord) -> str:
        line = {"level": record.levelname.lower(), "logger": record.name}
        line["event"] = record.getMessage()
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


def configure(level: str = "INFO") -> None:
    """Send structlog and the libraries' own logging to stderr, as JSON lines."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _redact,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Line())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)


def get(name: str) -> structlog.stdlib.BoundLogger:
    logger: structlog.stdlib.BoundLogger = structlog.get_logger(part=name)
    return logger
