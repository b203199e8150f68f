# shellcheck shell=bash disable=SC2154
# Several processes on the device `cuda`, for tests. On the emulated device MPI starts them and answers NCCL's calls. On GPUs it is the
# library, and the hosts meet over TCP; a single GPU is shared, with NCCL made to believe in a host a rank. Source it with $engine set.
gpus=$(nvidia-smi --list-gpus 2> /dev/null | grep -c .)
if [ "$gpus" -gt 0 ]; then
  # start_ranks COUNT word...: in the background, as processes ${ranks[@]}.
  start_ranks() {
    local count=$1 rank port=$((20000 + RANDOM % 10000)) shared
    shift
    ranks=()
    for ((rank = 0; rank < count; rank++)); do
      shared=()
      [ "$gpus" -ge "$count" ] || shared=("NCCL_HOSTID=$rank" NCCL_SOCKET_IFNAME=lo)
      env "${shared[@]}" RANK=$rank WORLD_SIZE="$count" LOCAL_RANK=$rank MASTER_ADDR=127.0.0.1 MASTER_PORT=$port "$engine" "$@" &
      ranks+=($!)
    done
  }
  # shellcheck disable=SC2329  # called through check and expect
  two_ranks() {
    local rank status=0
    start_ranks 2 "$@"
    for rank in "${ranks[@]}"; do wait "$rank" || status=$?; done
    return $status
  }
else
  # shellcheck disable=SC2329  # called through check and expect
  two_ranks() {
    mpirun --allow-run-as-root --oversubscribe --bind-to none --mca odls_base_sigkill_timeout 2 -np 2 "$engine" "$@"
  }
fi
