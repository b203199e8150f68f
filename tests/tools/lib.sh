# shellcheck shell=bash
# What the tests of the command share. Source it with the test's own arguments:
#   SCRIPT SEQPE_ENGINE TESTS_DIR
# The test then runs in an empty folder that goes away, and ends with `finish`.
set -uo pipefail
export engine=$1 tests=$2
work=$(mktemp -d)
pid=
clean_up() {
  [ -z "$pid" ] || kill -KILL "$pid" 2> /dev/null
  umount "$work/small" 2> /dev/null
  rm -rf "$work"
}
trap clean_up EXIT
cd "$work" || exit 1
unset NO_COLOR
# One thread, so that tests beside each other do not wait for cores; results do not depend on it.
export TERM=dumb OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive
failures=0

fail() {
  echo "FAILED: $*"
  failures=$((failures + 1))
}

# expect CODE TEXT command...: the command must exit with CODE and print TEXT somewhere.
expect() {
  local code=$1 text=$2 output status
  shift 2
  output=$("$@" 2>&1 | tr -d '\0')  # a sample may hold any byte
  status=$?
  if [ "$status" -ne "$code" ] || [[ "$output" != *"$text"* ]]; then
    fail "exit $status, expected $code with '$text': $*"
    echo "$output" | tail -5
  fi
}

# check WHAT command...: the command must succeed; what it prints is shown only if it does not.
check() {
  local what=$1 output
  shift
  output=$("$@" 2>&1 | tr -d '\0') || { fail "$what"; echo "$output" | tail -5; }
}

# python WHAT ARGUMENT...: the program on stdin must succeed.
python() {
  local what=$1 output
  shift
  output=$(python3 - "$@" 2>&1) || { fail "$what"; echo "$output" | tail -5; }
}

# skip WHY: this machine cannot run the test.
skip() {
  echo "SKIPPED: $*"
}

# wait_for command...: until it succeeds, a minute at most.
wait_for() {
  for _ in $(seq 1200); do
    "$@" && return 0
    sleep 0.05
  done
  return 1
}

finish() {
  [ "$failures" -eq 0 ] && echo "passed"
  exit $((failures > 0))
}

# A model that trains hundreds of steps a second.
tiny=(--config "$tests/tools/tiny.yaml")
# shellcheck disable=SC2329  # called through expect and check
train() { "$engine" train lm "${tiny[@]}" "$@"; }

# start RUN option...: trains in the background, as process $pid. A shell lets background processes ignore SIGINT; env sets
# it back.
start() {
  local run=$1
  shift
  env --default-signal=INT,TERM "$engine" train lm "${tiny[@]}" --run "$run" "$@" > "$run.out" 2> "$run.err" &
  pid=$!
}

# end SIGNAL: sends it to $pid and gives its exit status.
end() {
  kill "-$1" "$pid"
  { wait "$pid"; } 2> /dev/null
}

# step_of RUN: the step of its latest checkpoint.
step_of() { readlink "$1/checkpoints/latest" | tr -dc 0-9 | sed 's/^0*//'; }

# same_step RUN RUN STEP: weights, moments and state are equal, bit for bit.
same_step() {
  local file step
  step=$(printf 'step_%08d' "$3")
  for file in model.safetensors model_1.safetensors optimizer.rank_000_of_001.safetensors trainer_state.json; do
    check "$1 and $2 agree in $file of $step" cmp "$1/checkpoints/$step/$file" "$2/checkpoints/$step/$file"
  done
}

# same_metrics RUN RUN: all of metrics.jsonl but the seconds.
same_metrics() {
  local one two
  one=$(sed -E 's/,"seconds":[^,}]*//' "$1/metrics.jsonl")
  two=$(sed -E 's/,"seconds":[^,}]*//' "$2/metrics.jsonl")
  check "metrics of $1 and $2 agree" test "$one" = "$two"
}
