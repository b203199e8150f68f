# shellcheck shell=bash disable=SC2154
# Runs the stations of a check, each on its own, into $out: logs/NAME.log what it printed, data what it measured,
# stations.tsv a line each. Source it with $out set.

clear_stations() {
  rm -rf "$out/logs" "$out/data" "$out/stations.tsv" "$out"/report.*
  mkdir -p "$out/logs" "$out/data"
}

# station NAME command...: exit status 0 is passed; 77 is SKIPPED, if a line "SKIPPED: why" says so; any other FAILED. Where
# SEQPE_STATIONS names stations ("ranks overlap"), only those run.
station() {
  local name=$1 log=$out/logs/$1.log begin=$SECONDS code result why
  shift
  case " ${SEQPE_STATIONS:-$name} " in *" $name "*) ;; *) return ;; esac
  (
    set -e
    "$@"
  ) > "$log" 2>&1 < /dev/null
  code=$?
  result=FAILED
  why="exit status $code: $(tail -1 "$log")"
  if [ "$code" -eq 0 ]; then
    result=passed why=
  elif [ "$code" -eq 77 ] && grep -q '^SKIPPED: ' "$log"; then
    result=SKIPPED why=$(sed -n 's/^SKIPPED: //p' "$log" | tail -1)
  fi
  why=${why//$'\t'/ }
  printf '%s\t%s\t%s\t%s\n' "$name" "$result" $((SECONDS - begin)) "$why" >> "$out/stations.tsv"
  echo "$name: $result${why:+: $why}"
}

# result_of NAME: passed, SKIPPED or FAILED.
result_of() {
  awk -F '\t' -v name="$1" '$1 == name { print $2 }' "$out/stations.tsv"
}
