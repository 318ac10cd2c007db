#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# deps.sh [--check] [build|demo|test|bench|nightly]: installs the packages that are missing.
#
# Without a set it is `build`, which the others include; `nightly` includes `test`. With --check
# it only says what is missing. A package counts as there when dpkg says so, or when the check
# beside it succeeds: somebody's own Node or CMake is as good as Debian's, and installing a second
# one could break the first. When all is there, nothing is asked of the network or of root.
#
# Some packages only a few tests want, which are skipped by name where they cannot be had: such a
# package may be missing.
#
# Exit status: 0 all there now, 1 something is missing and could not be installed.
set -euo pipefail

PATH=$PATH:/usr/sbin:/sbin
check_only=
if [ "${1:-}" = --check ]; then
    check_only=1
    shift
fi
set_name=${1:-build}
missing=()
wanted=()

# need PACKAGE[|ALTERNATIVE…] [CHECK…]: CHECK is a command whose success means "there".
need() {
    local names=$1 name
    shift
    for name in ${names//|/ }; do
        if [ "$(dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null)" = installed ]; then
            return
        fi
    done
    if [ $# -gt 0 ] && "$@" >/dev/null 2>&1; then
        return
    fi
    missing+=("$names")
}

# want PACKAGE CHECK…: as need, but it may be missing.
want() {
    local before=("${missing[@]}")
    need "$@"
    if [ ${#missing[@]} -gt ${#before[@]} ]; then
        missing=("${before[@]}")
        wanted+=("$1")
    fi
}

program() {
    command -v "$1"
}

library() {
    pkg-config --exists "$1"
}

need_build() {
    need gcc program gcc
    need libc6-dev test -f /usr/include/stdio.h
    need cmake cmake_is_new
    need ninja-build program ninja
    need 'pkgconf|pkg-config' program pkg-config
    need ca-certificates test -d /etc/ssl/certs
    need libsqlite3-dev library sqlite3
    need liblz4-dev library liblz4
    need libuv1-dev library libuv
    need libcurl4-openssl-dev library libcurl
    need libssl-dev library openssl
    need zlib1g-dev library zlib
    need libyaml-dev library yaml-0.1
    need libncurses-dev library ncursesw
    need libzstd-dev library libzstd
    need libbrotli-dev library libbrotlidec
    need 'libllhttp-dev|node-llhttp' library libllhttp
}

# The presets are written for CMake 3.25.
cmake_is_new() {
    local version major minor
    version=$(cmake --version) || return
    [[ $version =~ ([0-9]+)\.([0-9]+) ]] || return
    major=${BASH_REMATCH[1]} minor=${BASH_REMATCH[2]}
    [ "$major" -gt 3 ] || { [ "$major" -eq 3 ] && [ "$minor" -ge 25 ]; }
}

need_test() {
    need git program git
    need python3 program python3
    need python3-venv python3 -c 'import ensurepip'
    need binutils program nm
    need clang program clang
    need llvm program llvm-symbolizer
    need clang-format program clang-format
    need clang-tidy program clang-tidy
    need 'libclang-rt-14-dev|libclang-rt-19-dev' clang_has_sanitizers
    need libcmocka-dev library cmocka
    need libjansson-dev library jansson
    need libsodium-dev library libsodium
    need nodejs program node
    need npm program npm
    need curl program curl
    need openssl program openssl
    need procps program ps
    want zsh program zsh
    want fish program fish
}

clang_has_sanitizers() {
    local runtime
    runtime=$(clang --print-runtime-dir) && ls "$runtime"/libclang_rt.asan*.a
}

need_bench() {
    need nginx-light program nginx
    need wrk program wrk
}

need_nightly() {
    need valgrind program valgrind
}

case $set_name in
    build) need_build ;;
    demo) need_build && need python3 program python3 ;;
    test) need_build && need_test ;;
    bench) need_build && need_bench ;;
    nightly) need_build && need_test && need_nightly ;;
    *)
        echo "usage: tools/deps.sh [--check] [build|demo|test|bench|nightly]" >&2
        exit 2
        ;;
esac

if [ ${#missing[@]} -eq 0 ] && { [ ${#wanted[@]} -eq 0 ] || [ -n "$check_only" ]; }; then
    [ -n "$check_only" ] || echo "deps: everything for '$set_name' is there"
    exit 0
fi
all=("${missing[@]}" "${wanted[@]}")
if [ -n "$check_only" ]; then
    echo "deps: missing for '$set_name': ${missing[*]//|/ or }" >&2
    echo "deps: \`make deps\` installs what the build needs, \`make deps-test\` the rest" >&2
    exit 1
fi
echo "deps: missing for '$set_name': ${all[*]//|/ or }" >&2

# No way to install: that matters only if something has to be there.
give_up() {
    echo "deps: $*" >&2
    [ ${#missing[@]} -gt 0 ] || exit 0
    exit 1
}

if ! program apt-get >/dev/null; then
    give_up "this system has no apt-get; install the equivalents of the packages above"
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
    if ! program sudo >/dev/null; then
        give_up "not root and no sudo; as root, run: apt-get install ${all[*]}"
    fi
    # CI has nobody to type a password.
    as_root=(sudo)
    [ -z "${CI:-}" ] || as_root=(sudo -n)
fi
apt() {
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
        -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@" </dev/null
}

apt update || give_up "the lists of packages cannot be had"
# Prints the first alternative that this release has.
available() {
    local name
    for name in ${1//|/ }; do
        if apt-cache show "$name" >/dev/null 2>&1; then
            echo "$name"
            return
        fi
    done
    return 1
}

packages=()
for names in "${missing[@]}"; do
    packages+=("$(available "$names")") ||
        give_up "no package for '$names' in this release's lists"
done
if [ ${#packages[@]} -gt 0 ]; then
    apt install --no-install-recommends "${packages[@]}"
    echo "deps: installed ${packages[*]}"
fi
for names in "${wanted[@]}"; do
    if name=$(available "$names") && apt install --no-install-recommends "$name"; then
        echo "deps: installed $name"
    else
        echo "deps: '$names' cannot be had; the tests that want it are skipped" >&2
    fi
done
