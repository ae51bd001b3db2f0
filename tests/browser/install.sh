#!/bin/sh
# Chromium for the browser tests, and the fonts of the pictures in the documentation, where this is a Debian, we are root
# and there is no Chromium: the one without a window, which takes a fifth less of a core. Quiet, and once.
set -eu
for name in chromium-headless-shell chromium chromium-browser google-chrome; do
  if command -v "$name" >/dev/null 2>&1; then exit 0; fi
done
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  echo "== Chromium for the browser tests"
  export DEBIAN_FRONTEND=noninteractive
  wait_for_others="-o DPkg::Lock::Timeout=300"
  # shellcheck disable=SC2086
  apt-get $wait_for_others update -qq
  # shellcheck disable=SC2086
  apt-get $wait_for_others install -y -qq --no-install-recommends chromium-headless-shell fonts-noto-core >/dev/null ||
    apt-get $wait_for_others install -y -qq --no-install-recommends chromium fonts-noto-core >/dev/null
else
  echo "== no Chromium here; the browser tests use Playwright's, if there is one, or are skipped."
  echo "   Install the package chromium, or run: .venv/bin/playwright install chromium"
fi
