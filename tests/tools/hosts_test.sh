#!/usr/bin/env bash
# Two hosts, network namespaces with names of their own, MPI over TCP: the bits of one process, a lost rank on the other host, doctor.
# shellcheck source-path=SCRIPTDIR source=lib.sh
source "$(dirname "$0")/lib.sh"
[ -e "$(dirname "$engine")/libseqpe_mpi.so" ] || { skip "this build has no MPI: apt install libopenmpi-dev openmpi-bin"; finish; }

one=seqpe_a_$$ two=seqpe_b_$$
if ! { ip netns add "$one" && ip netns add "$two"; } 2> reason; then
  skip "hosts as network namespaces need root and iproute2: $(head -n 1 reason)"
  ip netns del "$one" 2> /dev/null
  finish
fi
clean_up_hosts() {
  for name in "$one" "$two"; do
    ip netns pids "$name" 2> /dev/null | xargs -r kill -KILL 2> /dev/null
    ip netns del "$name"
  done
  clean_up
}
trap clean_up_hosts EXIT
ip link add link_a netns "$one" type veth peer name link_b netns "$two"
for host in "$one a 10.77.0.1" "$two b 10.77.0.2"; do
  read -r name letter address <<< "$host"
  ip -n "$name" addr add "$address/24" dev "link_$letter"
  ip -n "$name" link set lo up
  ip -n "$name" link set "link_$letter" up
done

# on HOST word...: a command on a host, as mpirun's agent too, which adds an address.
cat > on.sh << SCRIPT
#!/bin/sh
case \$1 in 10.77.0.2) space=$two; name=hostb ;; *) space=$one; name=hosta ;; esac
shift
exec ip netns exec \$space unshare -u sh -c "hostname \$name; \$*"
SCRIPT
chmod +x on.sh
# shellcheck disable=SC2329  # called through check and expect
ranks() {
  ./on.sh 10.77.0.1 exec mpirun --allow-run-as-root --bind-to none --oversubscribe --mca plm_rsh_agent "$PWD/on.sh" \
    --mca odls_base_sigkill_timeout 2 --host 10.77.0.1:2,10.77.0.2:2 "$@"
}

check "4 ranks on two hosts" ranks -np 4 "$engine" train lm "${tiny[@]}" --quiet --run two --set train.steps=12 --set dist.deterministic=true
check "one process" train --quiet --run one --set train.steps=12 --set dist.deterministic=true
same_step one two 12
same_metrics one two

ranks -np 4 "$engine" doctor > doctor.out 2>&1
check "doctor tells the hosts" test "$(grep -cE "rank [0-3] +host[ab], " doctor.out)" -eq 4
check "and their network" grep -q "rank 2 *hostb, .*; link_b 10.77.0.2" doctor.out
check "and how fast it is" grep -qE "all-reduce 64 MB +[0-9.]+ ms over MPI, [0-9.]+ GB/s" doctor.out

ranks -np 4 "$engine" train lm "${tiny[@]}" --quiet --run lost --set train.steps=1000000 --set train.schedule=constant \
  --set seqpe.contrastive.pivots=4 --set seqpe.transfer.starts=4 --set checkpoint.every=5 --set dist.timeout=3 > lost.out 2> lost.err &
pid=$!
check "a checkpoint" wait_for test -e lost/checkpoints/latest
since=$SECONDS
ip netns pids "$two" | xargs -r ps -o pid=,comm= -p | awk '$2 == "seqpe_engine" { print $1; exit }' | xargs -r kill -KILL
{ wait "$pid"; } 2> /dev/null
status=$?
pid=
check "a lost rank is no success" test $status -ne 0
check "a lost rank ends all within a minute" test $((SECONDS - since)) -lt 60
check "the others tell why" grep -qE "^\[rank [0-3]\] seqpe_engine: error: \[dist\]" lost.err
check "the checkpoint is whole" "$engine" train lm --config lost/config.yaml --quiet --run lost --resume auto \
  --set train.steps=$(($(step_of lost) + 1))
finish
