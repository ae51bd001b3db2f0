#!/bin/sh
# HAProxy for `make cluster`: Debian's, where this is a Debian, we are root and there is none. Quiet, and once.
set -eu
if command -v haproxy >/dev/null 2>&1; then exit 0; fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  echo "== HAProxy for the cluster"
  export DEBIAN_FRONTEND=noninteractive
  wait_for_others="-o DPkg::Lock::Timeout=300"
  # shellcheck disable=SC2086
  apt-get $wait_for_others update -qq
  # The service that the package would start is not wanted: ours runs until `make cluster` ends.
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    trap 'rm -f "$policy"' EXIT
  fi
  # shellcheck disable=SC2086
  apt-get $wait_for_others install -y -qq --no-install-recommends haproxy >/dev/null
else
  echo "No haproxy is on this machine. Install it (apt-get install haproxy, brew install haproxy), then run this again."
  exit 1
fi
