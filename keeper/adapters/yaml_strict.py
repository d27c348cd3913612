"""YAML read as strictly as TOML: what looks like an address or a decimal stays text, a key said twice is a mistake."""

import re
from typing import Any, Final

import yaml

_LOOSE: Final = frozenset({f"tag:yaml.org,2002:{kind}" for kind in ("int", "float", "timestamp")})


class StrictLoader(yaml.SafeLoader):
    """Integers are decimal; `0x..`, `1_000`, `1.5`, dates and the like are text."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: list[str] = []
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.YAMLError(f"{key.value!r} is there twice, {' '.join(str(key.start_mark).split())}")
            seen.append(key.value)
        return super().construct_mapping(node, deep)


StrictLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in _LOOSE]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
StrictLoader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^-?(0|[1-9][0-9]*)$"), list("-0123456789"))
