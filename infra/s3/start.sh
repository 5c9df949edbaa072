#!/usr/bin/env bash
# A real S3 server for the tests: Ceph's RADOS gateway over one in-memory storage daemon, from Debian's
# packages. It checks signatures and honours If-Match and If-None-Match on writes (Swift's s3api in
# Debian 12 answers 501 to both). Everything listens on loopback and lives under S3_ROOT; `stop.sh`
# ends it again. Prints the environment that the tests read: eval "$(bash infra/s3/start.sh)".
# Needs root, to install.
set -euo pipefail

root="${S3_ROOT:-/tmp/fourm-s3}"
port="${S3_PORT:-6190}"
access_key='fourmtest'
secret_key='fourm-testing-secret'
bucket='fourm-test'
here="$(cd "$(dirname "$0")" && pwd)"

install_packages() {
  local missing=() package
  for package in ceph-mon ceph-osd radosgw curl; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  [ "${#missing[@]}" -gt 0 ] || return 0
  apt-get update >&2
  DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}" >&2
}

write_configuration() {
  mkdir -p "$root"/{mon,osd,run,log}
  # No replicas, small placement groups, no authentication between the daemons: one machine, test data.
  cat >"$root/ceph.conf" <<CONF
[global]
fsid = $(cat /proc/sys/kernel/random/uuid)
mon host = v1:127.0.0.1:$((port + 1))
public addr = 127.0.0.1
auth cluster required = none
auth service required = none
auth client required = none
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon allow pool delete = true
mon max pg per osd = 1000
osd objectstore = memstore
memstore device bytes = 1073741824
osd data = $root/osd
mon data = $root/mon
run dir = $root/run
admin socket = $root/run/\$cluster-\$name.asok
pid file = $root/run/\$name.pid
log file = $root/log/\$name.log
ms bind msgr2 = false
ms bind port min = $((port + 10))
ms bind port max = $((port + 60))
setuser match path = $root/\$type
rgw frontends = beast endpoint=127.0.0.1:$port
rgw enable apis = s3
rgw thread pool size = 16
rgw enable gc threads = false
rgw enable lc threads = false
rgw run sync thread = false
rgw enable quota threads = false
CONF
}

# Every step says how it failed itself: `set -e` is off inside a function whose result is tested.
start_cluster() {
  local conf="$root/ceph.conf" osd_uuid
  monmaptool --create --clobber --addv a "v1:127.0.0.1:$((port + 1))" \
    --fsid "$(sed -n 's/^fsid = //p' "$conf")" "$root/monmap" >&2 || return 1
  ceph-mon -c "$conf" --mkfs -i a --monmap "$root/monmap" >&2 || return 1
  ceph-mon -c "$conf" -i a >&2 || return 1
  osd_uuid="$(cat /proc/sys/kernel/random/uuid)"
  timeout 60 ceph -c "$conf" osd new "$osd_uuid" >&2 || return 1
  ceph-osd -c "$conf" -i 0 --mkfs --osd-uuid "$osd_uuid" >&2 || return 1
  ceph-osd -c "$conf" -i 0 >&2 || return 1
  timeout 120 radosgw-admin -c "$conf" user create --uid=fourm --display-name=fourm \
    --access-key="$access_key" --secret-key="$secret_key" >"$root/log/user.json" || return 1
  radosgw -c "$conf" -n client.rgw >&2 || return 1
}

wait_until_ready() {
  local tries=0
  until curl --noproxy '*' -s -o /dev/null "http://127.0.0.1:$port/"; do
    tries=$((tries + 1))
    if [ "$tries" -gt 300 ]; then
      echo 'the S3 server did not start:' >&2
      tail -n 20 "$root"/log/*.log >&2
      exit 1
    fi
    sleep 0.2
  done
}

install_packages
# A young monitor sometimes refuses its first storage daemon ("wrong fsid"): begin again from nothing.
for attempt in 1 2 3 4 5 failed; do
  bash "$here/stop.sh"
  [ "$attempt" != failed ] || { echo 'the S3 server did not start in five attempts' >&2; exit 1; }
  write_configuration
  start_cluster && break
done
wait_until_ready

cat <<ENV
export FOURM_TEST_S3_ENDPOINT=http://127.0.0.1:$port
export FOURM_TEST_S3_ACCESS_KEY=$access_key
export FOURM_TEST_S3_SECRET_KEY=$secret_key
export FOURM_TEST_S3_BUCKET=$bucket
ENV
