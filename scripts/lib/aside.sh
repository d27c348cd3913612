# Sourced after bootstrap.sh: commands that run beside others, their output shown when they are waited for.
#
#   aside NAME COMMAND...    starts it
#   joined NAME TITLE        waits for it, shows what it said, and ends the script where it failed
# Whatever ends the script ends them too, with their children.

declare -A ASIDE=()
ASIDE_LOGS=$(mktemp -d)

aside() {
  local name=$1
  shift
  set -m # a process group of its own, so that its children can be ended with it
  "$@" >"$ASIDE_LOGS/$name" 2>&1 </dev/null &
  set +m
  ASIDE[$name]=$!
}

joined() {
  local code=0
  wait "${ASIDE[$1]}" || code=$?
  unset "ASIDE[$1]"
  say "== $2"
  cat "$ASIDE_LOGS/$1" >&2
  [ "$code" = 0 ] || { say "error: $2 failed with exit code $code"; exit "$code"; }
}

end_aside() {
  local pid
  for pid in "${ASIDE[@]}"; do kill -- "-$pid" 2>/dev/null || true; done
  rm -rf "$ASIDE_LOGS"
}
trap end_aside EXIT
