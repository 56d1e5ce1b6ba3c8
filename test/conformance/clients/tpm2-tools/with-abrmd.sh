#!/usr/bin/env bash
# Runs a script against the TPM of TCTI $1 through tpm2-abrmd, the access broker and resource manager, on the session bus of
# `dbus-run-session`.
set -u
PATH=$PATH:/usr/sbin tpm2-abrmd --tcti="$1" --session --allow-root >/dev/null 2>&1 &
broker=$!
trap 'kill $broker' EXIT
export TPM2TOOLS_TCTI=tabrmd:bus_type=session FLUSH=no
for _ in $(seq 100); do
  tpm2_getcap -l >/dev/null 2>&1 && break
  sleep 0.1
done
bash "$2"
