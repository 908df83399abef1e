#!/bin/bash
# Work on one puzzle with a process for each GPU of several nodes:
#   sbatch scripts/cluster/slurm.sh PUZZLE [OPTIONS OF solve]
# Repeated after the time limit, or after a node has died, it goes on from what it has kept in results/.
#SBATCH --job-name=jaxsolve
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=4
#SBATCH --gpus-per-task=1
#SBATCH --cpus-per-task=8
#SBATCH --time=02:00:00
#SBATCH --signal=TERM@120
set -euo pipefail
puzzle=${1:?usage: sbatch slurm.sh PUZZLE [OPTIONS OF solve]}
out=${JAXSOLVE_OUT:-results}
# two minutes before the limit Slurm ends the search, which keeps what it has found
begin=(solve "$puzzle" --out "$out" "${@:2}")
[ -e "$out/checkpoint.npz" ] && begin=(solve "$puzzle" --resume "$out")
exec srun jaxsolve "${begin[@]}" --budget 6600 --cluster
