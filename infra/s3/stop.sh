#!/usr/bin/env bash
# Ends what start.sh started (by the process ids it wrote) and removes what it stored.
set -euo pipefail

root="${S3_ROOT:-/tmp/fourm-s3}"
for name in client.rgw osd.0 mon.a; do
  file="$root/run/$name.pid"
  [ -e "$file" ] || continue
  id="$(tr -d '[:space:]' <"$file")"
  # The id may belong to something else by now: end it only when it still is ours.
  if tr '\0' ' ' <"/proc/$id/cmdline" 2>/dev/null | grep -qF "$root/ceph.conf"; then
    kill "$id" 2>/dev/null || true
    for _ in $(seq 50); do
      kill -0 "$id" 2>/dev/null || break
      sleep 0.1
    done
    kill -9 "$id" 2>/dev/null || true
  fi
done
rm -rf "${root:?}"
