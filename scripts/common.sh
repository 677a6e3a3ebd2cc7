# What the scripts share; sourced, from the root of the checkout.
export LC_ALL=C.UTF-8

CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/drwatch-lab
mkdir -p "$CACHE"

step() { echo "==> $*" >&2; }

die() {
    echo "error: $*" >&2
    exit 1
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "Installing Debian packages needs root: run this as root, install sudo, or have an administrator run: apt-get install $missing"
    fi
}

# --no-remove: better no lab than somebody's database removed because two packages conflict.
apt_install() {
    missing=$*
    command -v apt-get >/dev/null || die "This machine has no apt-get: install what $* are called here, then run this again."
    as_root apt-get -qq update
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-remove --no-install-recommends install "$@" >/dev/null ||
        die "apt-get could not install $* without removing something: look at its message above."
}

find_python() {
    local candidate
    for candidate in python3 /usr/bin/python3 python3.14 python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    return 1
}
