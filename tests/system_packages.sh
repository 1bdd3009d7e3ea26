#!/bin/sh
# What the tests need and pip cannot bring: a Redis server and a Chromium. Installs them with apt-get
# when run as root on Debian or Ubuntu, else says what to install.
set -eu

missing() {
    command -v redis-server >/dev/null 2>&1 || echo redis-server
    for name in chromium chromium-browser google-chrome; do
        if command -v "$name" >/dev/null 2>&1; then return; fi
    done
    echo chromium
}

wanted=$(missing | tr '\n' ' ')
[ -n "$wanted" ] || exit 0

if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null 2>&1; then
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    for package in $wanted; do
        apt-get install -y -qq --no-install-recommends "$package" >/dev/null ||
            # Ubuntu's is a snap behind another name.
            [ "$package" != chromium ] ||
            apt-get install -y -qq --no-install-recommends chromium-browser >/dev/null || true
    done
    wanted=$(missing | tr '\n' ' ')
    [ -n "$wanted" ] || exit 0
fi

echo "The tests need these programs: ${wanted}- install them (Debian: apt-get install ${wanted}; Ubuntu: snap install chromium) and run make test again." >&2
exit 1
