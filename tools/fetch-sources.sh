#!/bin/bash
# fetch-sources.sh FOLDER NAME...: unpacks third-party sources into FOLDER/NAME, from Debian's upstream
# tarballs, each checked against the SHA-256 below. What is there already with the right sum stays.
# The same versions stand in cmake/dependencies.cmake as upstream commits.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/private-apt.sh"

# name, Debian suite, upstream version, SHA-256 of the tarball
pins() {
  cat <<PINS
xnnpack     trixie 0.0~git20241108.4ea82e5    90bde2caef0f880f627bab0dc805a86c4b8070cd98e3243db3046ab3f3be1a99
pthreadpool trixie 0.0~git20240616.560c60d    4cc3cbd933b28131d2a34edc54f76af9fb41bc490af5eae1a5bd3cd07ea90708
fxdiv       trixie 0.0~git20200417.b408327    7953482badaf4cb34026c3487c257b8e4ab2df061c019bd6fabbbc12ad52c44b
cpuinfo     forky  0.0~git20250905.877328f    557ca404a3836b9f335a3a06b65ff9fe9dbaaefab7fb5c0185f53d9f33615a10
catch2      trixie 3.7.1                      c991b247a1a0d7bb9c39aa35faf0fe9e19764213f28ffba3109388e62ee0269c
eigen3      trixie 3.4.0                      b4c198460eba6f28d34894e3a5710998818515104d6e74e5cc331ce31e46e626
eigen3      trixie 3.4.0                      b4c198460eba6f28d34894e3a5710998818515104d6e74e5cc331ce31e46e626
libstb      trixie 0.0~git20241109.5c20573+ds a3a5820445a7dd063516bb542a5cd54ced8efc9c5a30bfbaae1bab6dec2c1a74
dav1d       trixie 1.5.1                      401813f1f89fa8fd4295805aa5284d9aed9bc7fc1fdbe554af4292f64cbabe21
libjpeg-turbo trixie 2.1.5                    254f3642b04e309fee775123133c6464181addc150499561020312ec61c1bf7c
libwebp     trixie 1.5.0                      7d6fab70cf844bf6769077bd5d7a74893f8ffd4dfb42861745750c63c2a5c92c
yyjson      trixie 0.10.0+ds                  ae6fde69a193e10afab426ef13f113d6903446405f9db9ee98bfb572bd6c961a
PINS
}

folder=$1; shift
mkdir -p "$folder"; folder=$(cd "$folder" && pwd)
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT

for name in "$@"; do
  read -r _ suite version sum < <(pins | grep "^$name ")
  [ "$(cat "$folder/$name/.sha256" 2>/dev/null || true)" != "$sum" ] || continue
  private_apt "$work/$suite" "$suite" deb-src
  # --tar-only: a mirror may leave out the .dsc, and nothing of Debian's packaging is wanted.
  mkdir "$work/$name"
  (cd "$work/$name" && "${APT[@]}" source --download-only --tar-only "$name" >/dev/null 2>"$work/$name.err") \
    || { cat "$work/$name.err" >&2; exit 1; }
  tarball=$(ls "$work/$name"/"${name}"_*.orig.tar.*)
  if ! echo "$sum  $tarball" | sha256sum --check --status; then
    echo "$name: $suite has $(basename "$tarball") with SHA-256 $(sha256sum "$tarball" | cut -d' ' -f1)," \
      "pinned are $version and $sum. Debian has moved on: the pin must follow. (Without BEIT_DEPS_DIR" \
      "CMake fetches the same version from upstream.)" >&2
    exit 1
  fi
  rm -rf "$folder/$name" "$folder/$name.new"; mkdir "$folder/$name.new"
  # Some tarballs hold one top folder, some hold the files.
  strip=0; [ "$(tar tf "$tarball" | cut -d/ -f1 | sort -u | wc -l)" != 1 ] || strip=1
  tar xf "$tarball" -C "$folder/$name.new" --strip-components=$strip
  # Never compiled here, and half of its size.
  [ "$name" != xnnpack ] || rm -rf "$folder/$name.new"/{test,bench}
  echo "$sum" > "$folder/$name.new/.sha256"
  mv "$folder/$name.new" "$folder/$name"
  echo "$name $version"
done
