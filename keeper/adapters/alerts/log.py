"""Alerts as log lines. The `alert` table keeps them; other channels come as siblings of this one."""

import structlog

from keeper.core.ledger import Alert

log = structlog.get_logger()


class LogAlerts:
    async def send(self, alert: Alert) -> None:
        log.warning("alert", kind=alert.kind.value, message=alert.message)
