#!/usr/bin/env bash
# tools/gpu_check: stations that pass, fail and cannot run, the report and its exit status, measured times beside bounds.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"
tools=$tests/../tools

out=$work/out
# shellcheck source=../../tools/gpu_check/stations.sh
source "$tools/gpu_check/stations.sh"
clear_stations
# shellcheck disable=SC2317,SC2329  # called through station
{
  passes() { echo "all | is well"; }
  fails() {
    false # set -e ends it here
    echo "not reached"
  }
  cannot_run() {
    echo "SKIPPED: no GPU | of that kind"
    exit 77
  }
  silent() { exit 77; }
}
mkdir mine && echo text > mine/data
expect 1 "mine holds other files. Hint: a new or empty folder" "$tools/gpu_check.sh" mine
check "nobody else's files are removed" test -s mine/data
expect 2 "tools/gpu_check.sh --pack FILE.tar.gz" "$tools/gpu_check.sh" --pack --help
expect 0 "passes: passed" station passes passes
expect 0 "cannot_run: SKIPPED: no GPU | of that kind" station cannot_run cannot_run
expect 0 "1 passed, 0 FAILED, 1 SKIPPED" "$tools/gpu_check/report.py" out
SEQPE_STATIONS="passes other" expect 0 "" station fails fails
check "a station that nobody named does not run" test -z "$(result_of fails)"
expect 0 "fails: FAILED: exit status 1" station fails fails
expect 0 "silent: FAILED: exit status 77" station silent silent
echo '{"x": 1}' > out/data/numbers.json
: > out/data/broken.json
expect 1 "1 passed, 2 FAILED, 1 SKIPPED" "$tools/gpu_check/report.py" out
check "a station's result can be asked for" test "$(result_of cannot_run)" = SKIPPED
python "report.json holds every station and what they measured" << 'PYTHON'
import json
report = json.load(open("out/report.json"))
assert [(s["name"], s["result"]) for s in report["stations"]] == [
    ("passes", "passed"), ("cannot_run", "SKIPPED"), ("fails", "FAILED"), ("silent", "FAILED")], report
assert report["data"] == {"broken": None, "numbers": {"x": 1}}, report["data"]
PYTHON
for line in '| passes | passed | [0-9]* |  |' '| cannot_run | SKIPPED | [0-9]* | no GPU \\| of that kind |' '^## fails: FAILED' '^all | is well'; do
  check "report.md tells: $line" grep -q -- "$line" out/report.md
done
check "a command that failed ends its station" bash -c '! grep -q "not reached" out/report.md'
clear_stations
check "a check begins without the last one's results" test ! -e out/report.md -a ! -e out/data/numbers.json
: > out/stations.tsv
expect 1 "0 passed" "$tools/gpu_check/report.py" out

# Measured times beside bounds: half of the bandwidth, and faster than can be.
cat > out/data/kernel_times.json << 'JSON'
{"gpu": "NVIDIA H200, compute capability 9.0, 139.8 GB", "repeats": 20, "results": [
  {"kernel": "add", "shape": "8", "bytes_to_move": 1000, "median_s": 2e-6, "seconds": [2e-6]},
  {"kernel": "fast", "shape": "8", "bytes_to_move": 1000, "median_s": 1e-6, "seconds": [1e-6]}]}
JSON
expect 0 "the cost model does not know this GPU" python3 "$tools/gpu_check/kernels.py" out/data
cat > out/data/kernel_bounds.json << 'JSON'
{"results": [{"kernel": "add", "shape": "8", "least_s": {"A100": 9, "H200": 1e-6}},
             {"kernel": "fast", "shape": "8", "least_s": {"A100": 9, "H200": 4e-6}}]}
JSON
expect 0 "| add | 8 | 2.0 | 1.0 | 50% | 0 |" python3 "$tools/gpu_check/kernels.py" out/data
expect 0 "fast, 8: faster than the bound" python3 "$tools/gpu_check/kernels.py" out/data

# A pack's size.
# shellcheck source=../../tools/gpu_check/build.sh
source "$tools/gpu_check/build.sh"
mkdir packed
head -c 3000000 /dev/zero > packed/large
truncate -s "$most_bytes" pack.tar.gz
expect 0 "the pack has 60000000 bytes of at most 60000000" check_size pack.tar.gz packed
truncate -s +1 pack.tar.gz
expect 1 "at most 60000000 bytes, this has 60000001" check_size pack.tar.gz packed
expect 1 "./large" check_size pack.tar.gz packed

# A pack's files: all that its tests read, and no more folders than that.
(cd "$tests/.." && copy_test_files "$work/packed_tests")
check "a pack holds no sources" test -z "$(find packed_tests -name '*.cpp' -o -name '*.h')"
check "a pack leaves the command's own files out" test ! -e packed_tests/golden/checkpoint_lm -a ! -e packed_tests/data/checkpoint_v1
for folder in golden/{image,text,tokenizer,transforms} data/gpt2_tokenizer; do
  check "a pack holds all of $folder" diff -r "$tests/$folder" "packed_tests/$folder"
done
golden_test=$(dirname "$engine")/golden_test
if [ -x "$golden_test" ]; then
  check "tests that read files pass on a pack's" env -u SEQPE_GOLDENS -u SEQPE_DATA SEQPE_TESTS="$work/packed_tests" "$golden_test" \
    --gtest_filter='GoldenTokenizer*:GoldenImage*:GoldenLosses*:GoldenEncoder*:ImageShiftStatistics*:TransferStatistics*'
fi

# The command line.
expect 2 "OUT --from-pack FILE" "$tools/gpu_check.sh"
expect 2 "OUT --from-pack FILE" "$tools/gpu_check.sh" --help
finish
