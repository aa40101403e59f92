#!/bin/bash
# Many clips as a Slurm array: each job does its part, and all write one table.
#   sbatch --array=1-50 tools/slurm/array.sh clips.csv /shared/avatars [options of fit-avatar batch]
#SBATCH --job-name=fit-avatar
#SBATCH --cpus-per-task=8
#SBATCH --mem=30G
#SBATCH --time=12:00:00
#SBATCH --signal=B:TERM@60
#SBATCH --requeue
set -euo pipefail
clips=$1 out=$2
shift 2
parts=${PARTS:-$SLURM_ARRAY_TASK_MAX}  # set PARTS where only some jobs of the array are submitted again
# . /shared/venv/bin/activate
# A job that is requeued or submitted again does what is left. Exit code 2: some clips cannot be fitted, as results.csv says.
exec fit-avatar batch "$clips" --out "$out" --part "$SLURM_ARRAY_TASK_ID/$parts" "$@"
