"""What an operator says of CoinGecko. Field names in upper case are the variables' names."""

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field, SecretStr, ValidationInfo, field_validator

from keeper.adapters.coingecko.plans import Plan
from keeper.adapters.endpoint_fields import ApiKey, BaseUrl, is_private_way


def name_of_chain(value: str) -> str:
    """One that can stand in a path. Raises ValueError."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", value):
        raise ValueError("must be lower case letters, digits, - and _, such as polygon_pos")
    return value


NameOfChain = Annotated[str, AfterValidator(name_of_chain)]


class CoinGeckoFields(BaseModel):
    """Without a key and a plan CoinGecko is asked as anybody may."""

    coingecko_api_key: ApiKey | None = None
    coingecko_plan: Plan | None = None
    coingecko_url: BaseUrl | None = None
    coingecko_calls_per_minute: Annotated[int, Field(ge=1, le=10_000)] = 30
    coingecko_timeout_seconds: Annotated[float, Field(gt=0, le=60)] = 10.0
    coingecko_max_age_seconds: Annotated[int, Field(ge=1, le=86_400)] = 180
    coingecko_cache_seconds: Annotated[int, Field(ge=0, le=3_600)] = 30
    coingecko_platform: NameOfChain | None = None
    coingecko_network: NameOfChain | None = None

    @property
    def plan_in_force(self) -> Plan:
        """The one that is set; without one a key is taken for that of a Demo plan, which is free."""
        usual = Plan.NONE if self.coingecko_api_key is None else Plan.DEMO
        return usual if self.coingecko_plan is None else self.coingecko_plan

    @field_validator("coingecko_plan")
    @classmethod
    def _plan_has_its_key(cls, value: Plan | None, info: ValidationInfo) -> Plan | None:
        key_is_right = "coingecko_api_key" in info.data  # else that is the mistake
        if value in (Plan.DEMO, Plan.PRO) and key_is_right and info.data["coingecko_api_key"] is None:
            raise ValueError("needs COINGECKO_API_KEY")
        return value

    @field_validator("coingecko_url")
    @classmethod
    def _key_goes_unseen(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        has_key = info.data.get("coingecko_api_key") is not None
        if value is not None and has_key and not is_private_way(value.get_secret_value()):
            raise ValueError("must be https:// where COINGECKO_API_KEY goes with it, but for this machine itself")
        return value

    @field_validator("coingecko_cache_seconds")
    @classmethod
    def _kept_is_not_too_old(cls, value: int, info: ValidationInfo) -> int:
        oldest = info.data.get("coingecko_max_age_seconds")
        if oldest is not None and value > oldest:
            raise ValueError(f"is above COINGECKO_MAX_AGE_SECONDS ({oldest}): what is kept would be refused")
        return value
