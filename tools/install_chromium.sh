#!/bin/sh
# The browser tests drive Debian's Chromium. Installed here where that is possible without asking;
# elsewhere the browser tests are skipped and say so.
set -eu
for name in chromium chromium-browser google-chrome; do
	if command -v "$name" >/dev/null 2>&1; then exit 0; fi
done
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
	echo "Installing Chromium for the browser tests …"
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -qq
	apt-get install -y -qq --no-install-recommends chromium fonts-noto-color-emoji >/dev/null
else
	echo "Chromium is not installed: the browser tests will be skipped (Debian: apt install chromium)."
fi
