"""Alerts that a person would have got."""

from dataclasses import dataclass, field

from keeper.core.ledger import Alert, AlertKind


@dataclass
class FakeAlerts:
    told: list[Alert] = field(default_factory=list)

    async def send(self, alert: Alert) -> None:
        self.told.append(alert)

    def kinds(self) -> list[AlertKind]:
        return [alert.kind for alert in self.told]
