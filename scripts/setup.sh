#!/usr/bin/env bash
# Brings this checkout to the state every make verb needs, and does nothing where it already is:
# system packages, a CPython that works, .venv; what lies in .venv is left to scripts/stages.py.
# PYTHON=/path/to/python3.11 chooses the interpreter. Asks nothing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
unset PYTHONPATH PYTHONHOME VIRTUAL_ENV

die() {
  printf 'setup: %s\n' "$@" >&2
  exit 1
}

# Whether $1 is a CPython 3.10 to 3.12 with the headers and the venv module, and really starts.
works() {
  "$1" -I -S - >/dev/null 2>&1 <<'PYTHON'
import os, sys, sysconfig
import ensurepip, venv
assert sys.implementation.name == 'cpython' and (3, 10) <= sys.version_info[:2] <= (3, 12)
assert os.path.exists(os.path.join(sysconfig.get_paths()['include'], 'Python.h'))
PYTHON
}

# Prints the first interpreter that works; version managers leave names on PATH that do not.
find_python() {
  local name candidate
  if [[ -n "${PYTHON:-}" ]]; then
    works "$PYTHON" && echo "$PYTHON"
    return
  fi
  for name in python3.11 python3.12 python3.10 python3; do
    while read -r candidate; do
      if works "$candidate"; then
        echo "$candidate"
        return
      fi
    done < <(type -ap "$name" || true)
  done
  return 1
}

has_library() { ldconfig -p 2>/dev/null | grep -F "$1" >/dev/null; }
has_driver() { compgen -G "/usr/lib*/$1" >/dev/null || compgen -G "/usr/lib/*/$1" >/dev/null; }
apt_offers() { apt-cache policy "$1" 2>/dev/null | grep 'Candidate: [^(]' >/dev/null; }

# Prints the Debian names of what this machine lacks: a compiler and OpenGL without a screen.
missing_packages() {
  export PATH="$PATH:/sbin:/usr/sbin"
  command -v g++ >/dev/null || echo g++
  has_library libEGL.so.1 || echo libegl1
  has_library libGL.so.1 || echo libgl1
  has_driver 'dri/swrast_dri.so' || has_driver 'libgallium-*.so' || echo libgl1-mesa-dri
  # The newest distributions no longer have OSMesa; EGL alone will do there.
  has_library libOSMesa.so || ! apt_offers libosmesa6 || echo libosmesa6
  [[ -x .venv/bin/python ]] || find_python >/dev/null || [[ -n "${PYTHON:-}" ]] ||
    printf '%s\n' python3 python3-dev python3-venv
}

# Installs the packages named, or where that takes another user's rights says how and ends.
install_packages() {
  local log=log/setup-system.log install=(apt-get install --yes --no-install-recommends)
  command -v apt-get >/dev/null || die "missing (by the names Debian has for them): $*" \
    "install them with this machine's package manager and try again"
  [[ $EUID -eq 0 ]] || die 'system packages are missing; run this and try again:' \
    "  sudo apt-get update && sudo ${install[*]} $*"
  echo "setup: system packages: $*"
  export DEBIAN_FRONTEND=noninteractive
  { apt-get update && mapfile -t missing < <(missing_packages) &&
    "${install[@]}" "${missing[@]}"; } </dev/null >"$log" 2>&1 ||
    { tail -n 20 "$log" >&2 && die "apt-get failed; its words are in $log"; }
  echo "setup: $(sed -n 's/^Need to get \(.*\) of archives.*/\1/p' "$log") of system packages"
}

[[ "$(uname -sm)" == 'Linux x86_64' ]] || die "$(uname -sm) has no ROS 2 packages for Python;" \
  'docs/install.md tells how to use this on a machine with ROS 2'
mkdir -p log
exec 9>log/setup.lock
flock 9 # a second make in this checkout waits for the first

mapfile -t missing < <(missing_packages)
if ((${#missing[@]})); then
  install_packages "${missing[@]}"
fi

# A .venv that was moved or whose interpreter has gone is made anew.
if ! works .venv/bin/python || ! grep -qxF "$PWD" .venv/checkout 2>/dev/null; then
  python="$(find_python)" || die "no CPython 3.10 to 3.12 with venv and headers was found" \
    "install one and name it: make setup PYTHON=/path/to/python3.11"
  echo "setup: .venv with $("$python" -V) ($python)"
  "$python" -m venv --clear .venv
  echo "$PWD" >.venv/checkout
fi
# Without site, else importing the ROS packages' start-up hook would run Python twice.
exec .venv/bin/python -I -S scripts/stages.py "$SECONDS"
