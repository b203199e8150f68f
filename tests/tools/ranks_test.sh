#!/usr/bin/env bash
# Several processes under mpirun: the numbers of one, its checkpoints, signals, lost ranks, what is refused.
# shellcheck disable=SC2016  # bash -c expands it
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"
[ -e "$(dirname "$engine")/libseqpe_mpi.so" ] || { skip "this build has no MPI: apt install libopenmpi-dev openmpi-bin"; finish; }

# ranks N word...: N processes. After a signal or a lost rank mpirun waits twice as long as sigkill_timeout says.
mpi=(mpirun --allow-run-as-root --oversubscribe --bind-to none --mca odls_base_sigkill_timeout 3)
ranks() {
  local count=$1
  shift
  "${mpi[@]}" -np "$count" "$@"
}
# agree TASK RUN RUN: losses of all steps and of evaluations to 5e-5, the gradient norm to 2e-4, of lm to 1e-3: at one of its steps it shows rounding
# ten thousandfold, as it does between two instruction sets (1e-4 apart there, 1e-6 elsewhere).
agree() {
  python "$2 and $3 agree" "$@" << 'PYTHON'
import json, sys
bounds = {"loss": 5e-5, "grad_norm": 1e-3 if sys.argv[1] == "lm" else 2e-4}
one, other = ([json.loads(line) for line in open(f"{run}/metrics.jsonl")] for run in sys.argv[2:4])
assert len(one) == len(other) > 20, (len(one), len(other))
def compare(a, b, where):
    if isinstance(a, dict):
        assert a.keys() == b.keys(), where
        for key in a.keys() - {"seconds"}:
            compare(a[key], b[key], f"{where} {key}")
    else:
        assert a == b or abs(a - b) <= bounds.get(where.split()[-1], bounds["loss"]) * abs(a), (where, a, b)
for a, b in zip(one, other):
    compare(a, b, f"step {a['step']}")
PYTHON
}

# The quick starts, a shorter one of each, on 1, 2 and 4 processes.
short=(--quiet --set train.steps=20 --set train.warmup_steps=4 --set train.eval_every=0 --set "compare=[]" --set eval.max_lines=50)
for task in lm vit; do
  sizes=()
  [ $task = vit ] && sizes=(--set "eval.sizes=[32]")
  check "$task on one process" "$engine" train $task "${short[@]}" "${sizes[@]}" --run ${task}_1
  check "$task, deterministic, on one" "$engine" train $task "${short[@]}" "${sizes[@]}" --run ${task}_same_1 --set dist.deterministic=true
  for count in 2 4; do
    check "$task on $count" ranks $count "$engine" train $task "${short[@]}" "${sizes[@]}" --run ${task}_$count
    agree $task ${task}_1 ${task}_$count
    check "$task, deterministic, on $count" ranks $count "$engine" train $task "${short[@]}" "${sizes[@]}" \
      --run ${task}_same_$count --set dist.deterministic=true
    same_metrics ${task}_same_1 ${task}_same_$count
    same_step ${task}_same_1 ${task}_same_$count 20
  done
done

# One speaks for all, on stdout too.
ranks 2 "$engine" train lm "${tiny[@]}" --set train.steps=4 --run spoken > spoken.out 2> spoken.err
check "one table" test "$(grep -ac "^Token perplexity" spoken.out)" -eq 1
check "one line a step" test "$(grep -c "^step 4/4" spoken.err)" -eq 1
check "one line a step in metrics.jsonl" test "$(grep -c '"loss"' spoken/metrics.jsonl)" -eq 4

check "a step's timeline" ranks 2 "$engine" bench train --config quickstart_lm --vocab-size 256 --steps 1 \
  --timeline timeline.json --set dist.bucket_mb=0.1
python "it shows gradients travel beside kernels" << 'PYTHON'
import json
events = [event for event in json.load(open("timeline.json"))["traceEvents"] if event["ph"] == "X"]
def beside(one, other):
    return one["ts"] < other["ts"] + other["dur"] and other["ts"] < one["ts"] + one["dur"]
for rank in (0, 1):
    kernels, sums = ([event for event in events if (event["pid"], event["tid"]) == (rank, track)] for track in (0, 1))
    assert {event["name"] for event in sums} == {"all_reduce"} and len(sums) > 5, len(sums)
    assert any(beside(kernel, sum) for sum in sums for kernel in kernels if not kernel["name"].startswith("wait"))
PYTHON

for count in 1 3; do
  ranks $count "$engine" eval lm --checkpoint spoken --lengths 16,64 --max-lines 60 --json > "eval_$count.json" 2> eval.err
  check "an evaluation on $count" grep -q '"nll"' "eval_$count.json"
done
check "an evaluation on 3 is that on 1" cmp eval_1.json eval_3.json

# A run goes on with other numbers of processes: 4, 2, 1.
same=(--quiet --set dist.deterministic=true)
check "12 steps" train "${same[@]}" --run whole --set train.steps=12
check "checkpoints every 4 steps on 4" ranks 4 "$engine" train lm "${tiny[@]}" "${same[@]}" --run parts --set train.steps=12 \
  --set checkpoint.every=4 --set checkpoint.keep_last=3 --set dist.zero=1 --set dist.bucket_mb=0.001
go_on_from() { # STEP COUNT option...: as if it had ended there
  rm -rf parts/checkpoints/{latest,best}
  for step in parts/checkpoints/step_*; do
    [ "$(basename "$step")" \> "$(printf 'step_%08d' "$1")" ] && rm -rf "$step"
  done
  check "from step $1 on $2" ranks "$2" "$engine" train lm --config parts/config.yaml --quiet --run parts --resume auto "${@:3}"
  same_step whole parts 12
}
go_on_from 4 2 --set dist.zero=1
go_on_from 8 1

# start_ranks RUN COUNT option...: mpirun in the background, as process $pid.
start_ranks() {
  local run=$1 count=$2
  shift 2
  env --default-signal=INT,TERM "${mpi[@]}" -np "$count" "$engine" train lm "${tiny[@]}" --run "$run" --set train.steps=1000000 \
    --set train.schedule=constant "$@" > "$run.out" 2> "$run.err" &
  pid=$!
  check "$run: training starts" wait_for test -s "$run/metrics.jsonl"
}
rank_processes() { pgrep -P "$pid" seqpe_engine; }

# SIGTERM to mpirun, which passes it on, or to one rank: all save together.
for target in mpirun rank; do
  start_ranks "term_$target" 2 --set dist.deterministic=true
  if [ $target = mpirun ]; then kill -TERM "$pid"; else kill -TERM "$(rank_processes | tail -n 1)"; fi
  { wait "$pid"; } 2> /dev/null
  pid=
  check "$target: how to go on" grep -q "stopped by a signal; go on with: mpirun -np 2 .*--run term_$target --resume auto" "term_$target.err"
  check "$target: told once" test "$(grep -c "stopped by a signal" "term_$target.err")" -eq 1
  steps=$(($(step_of "term_$target") + 2))
  check "$target: it goes on" "$engine" train lm --config "term_$target/config.yaml" --quiet --run "term_$target" --resume auto --set train.steps=$steps
  check "$target: the same without a stop" train "${same[@]}" --run "calm_$target" --set train.steps=$steps --set train.schedule=constant
  same_step "term_$target" "calm_$target" "$steps"
done
check "one rank's exit code is that of a stop" grep -q "Exit code: *75" term_rank.err

# A stop whose checkpoint cannot be written ends all with that error.
start_ranks unsaved 2 --set dist.timeout=5
rm -rf unsaved/checkpoints
touch unsaved/checkpoints
since=$SECONDS
kill -TERM "$(rank_processes | tail -n 1)"
{ wait "$pid"; } 2> /dev/null
status=$?
pid=
check "no checkpoint, no success: $status" test "$status" -ne 0 -a "$status" -ne 75
check "the reason" grep -q "^\[rank 0\] seqpe_engine: error: .*unsaved/checkpoints" unsaved.err
check "at once" test $((SECONDS - since)) -lt 20

# A rank that is killed, or hangs: the others end with the reason, the last checkpoint is whole.
for signal in KILL STOP; do
  start_ranks "lost_$signal" 3 --set train.batch_size=6 --set seqpe.contrastive.pivots=3 --set seqpe.transfer.starts=3 \
    --set checkpoint.every=5 --set dist.timeout=3 --set checkpoint.keep_last=1
  check "$signal: a checkpoint" wait_for test -e "lost_$signal/checkpoints/latest"
  since=$SECONDS
  kill "-$signal" "$(rank_processes | sed -n 2p)"
  { wait "$pid"; } 2> /dev/null
  status=$?
  pid=
  code=8
  [ "$signal" = KILL ] && code=137  # mpirun tells the killed rank's
  check "$signal: exit code $code, got $status" test "$status" -eq $code
  check "$signal: within a minute" test $((SECONDS - since)) -lt 60
  check "$signal: goes on alone" "$engine" train lm --config "lost_$signal/config.yaml" --quiet --run "lost_$signal" --resume auto \
    --set train.steps=$(($(step_of "lost_$signal") + 1))
done
check "who is gone" grep -qE "^\[rank [02]\] seqpe_engine: error: \[dist\] rank 1 on .* is gone" lost_KILL.err
check "that one hangs" grep -qE "^\[rank [02]\] seqpe_engine: error: \[dist\] .* (gave no sign of life for|did not end within) 3 s \(dist.timeout\)" lost_STOP.err

# A rank that fails by itself: another folder, where the text is not.
echo "It was the best of times, it was the worst of times, it was the age of wisdom." > text.txt
mkdir elsewhere
cat > one_elsewhere.sh << 'SCRIPT'
[ "$OMPI_COMM_WORLD_RANK" = 1 ] && cd elsewhere
exec "$engine" "$@"
SCRIPT
expect 4 "[rank 1] seqpe_engine: error: [file] cannot read text.txt" ranks 2 bash one_elsewhere.sh train lm "${tiny[@]}" --quiet --run failed --set data.path=text.txt
check "it leaves no run" test ! -e failed

# A rank that is stopped while the others wait at a barrier, where one may rightly work long: here until all have read their text.
truncate -s 200M elsewhere/text.txt
cat > one_stops.sh << 'SCRIPT'
if [ "$OMPI_COMM_WORLD_RANK" = 1 ]; then
  cd elsewhere
  { while read -r _ bytes < /proc/$$/io && [ "$bytes" -lt 100000000 ]; do sleep 0.02; done; kill -STOP $$; } 2> /dev/null &
fi
exec "$engine" "$@"
SCRIPT
since=$SECONDS
expect 8 "rank 1 on $(hostname) gave no sign of life for 5 s (dist.timeout)" ranks 3 bash one_stops.sh train lm "${tiny[@]}" --quiet --run failed \
  --set data.path=text.txt --set train.batch_size=6 --set seqpe.contrastive.pivots=3 --set seqpe.transfer.starts=3 --set dist.timeout=5
check "one that stands still is found at a barrier, not after 100 s" test $((SECONDS - since)) -lt 60
echo "Call me Ishmael." > elsewhere/text.txt
expect 4 "all processes must have the same data, rank 1 has another than rank 0" ranks 2 bash one_elsewhere.sh eval lm --checkpoint "$PWD/lm_1" \
  --data text.txt --lengths 16
rm elsewhere/text.txt

# A rank that never comes.
cat > one_waits.sh << 'SCRIPT'
[ "$OMPI_COMM_WORLD_RANK" = 1 ] && kill -STOP $$
exec "$engine" "$@"
SCRIPT
expect 8 "the processes did not meet within 4 s (2 times dist.timeout)" ranks 2 bash one_waits.sh train lm "${tiny[@]}" --run no --set dist.timeout=2

# What a person may get wrong.
expect 3 "rank 0 has train.steps: 5, rank 1 train.steps: 6. Hint: the same command" "${mpi[@]}" \
  -np 1 "$engine" train lm "${tiny[@]}" --run no --set train.steps=5 : -np 1 "$engine" train lm "${tiny[@]}" --run no --set train.steps=6
expect 3 "rank 0 has the command: train lm --config $tests/tools/tiny.yaml --run no --dry-run, rank 1" "${mpi[@]}" \
  -np 1 "$engine" train lm "${tiny[@]}" --run no --dry-run : -np 1 "$engine" train lm "${tiny[@]}" --run no
expect 3 "the number of processes must divide train.batch_size, got 3 processes and 4 rows" ranks 3 "$engine" train lm "${tiny[@]}" --run no
expect 3 "the number of processes must divide seqpe.contrastive.pivots, got 4 processes and 2" ranks 4 "$engine" train lm "${tiny[@]}" --run no
expect 2 "WORLD_SIZE is 2, so RANK must be set too" env WORLD_SIZE=2 "$engine" train lm "${tiny[@]}" --run no
expect 2 "several processes without a GPU each must be started by MPI, WORLD_SIZE is 2 in the environment. Hint: mpirun -np 2" env WORLD_SIZE=2 RANK=0 MASTER_ADDR=localhost \
  "$engine" train lm "${tiny[@]}" --run no
check "nothing was made" test ! -e no
finish
