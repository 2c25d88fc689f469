#!/bin/bash
# install-emscripten.sh PREFIX: Debian's Emscripten 3.1.69 (suite trixie, clang 19) in a private prefix
# on a Debian 12 machine; nothing of the machine is replaced. Then: . PREFIX/env.sh
#
# Debian 12's own Emscripten (3.1.6) is too old for XNNPACK's relaxed SIMD. The newer packages need a
# newer C library, so they bring it along, and every program is pointed to it (patchelf). The prefix
# cannot be moved afterwards.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/private-apt.sh"
prefix=$1
suite=trixie
revision="$suite 1"  # of what this script does: raise it when the result changes

if [ "$(cat "$prefix/.done" 2>/dev/null || true)" = "$revision" ]; then exit 0; fi
rm -rf "$prefix"; mkdir -p "$prefix"; prefix=$(cd "$prefix" && pwd)
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
private_apt "$work/apt" "$suite" deb

# All that emscripten depends on, less what the machine has (python3, node) and what a clang that makes
# only wasm never loads: native headers and libraries, binutils, what clang's and Node's packages pull.
skip='^(python3.*|libpython3.*|nodejs|libnode.*|node-(balanced-match|brace-expansion|minimatch|ms|debug|lru-cache|semver|llhttp|undici|corepack|cjs-module-lexer)'
skip+='|ccache|dpkg|tar|debconf|tzdata|media-types|netbase|openssl.*|readline-common'
skip+='|binutils.*|libbinutils|libgprofng0|libctf.*|libsframe.*|gcc-.*|libgcc-[0-9]+-dev|libstdc.*-dev|libobjc.*|libgc1'
skip+='|libc6-dev|libc-dev-bin|libc-gconv.*|libcrypt.*|rpcsvc-proto|linux-libc-dev|lib(a|l|t|ub|hwa)san.*|libgomp1|libitm1|libquadmath0|libatomic1'
skip+='|libssl.*|libcurl.*|libk.*|libgssapi.*|libkrb.*|libldap.*|libsasl.*|libng.*|libssh.*|libpsl.*|libidn.*|libunistring.*|libbrotli.*|libcom-err2'
skip+='|libpfm4|libclang1-.*|libreadline.*|libsqlite.*|libncursesw6|libdb5.*|libexpat1|libuuid1|libhiredis.*|libblake.*|libfmt.*|libxxhash.*'
skip+='|libada.*|libcares.*|libhdr.*|libllhttp.*|libsimd.*|libuv1.*|libjansson4|libgmp.*|libnettle.*|libhogweed.*|libp11.*|libtasn1.*|libgnutls.*|librtmp.*'
skip+='|libpcre2.*|libselinux1|libacl1)$'
packages=$("${APT[@]}" -s install emscripten | awk '/^Inst/ { print $2 }' | grep -vE "$skip")
echo "packages:" $packages
mkdir "$work/debs"
(cd "$work/debs" && "${APT[@]}" download $packages)
# Emscripten's own libraries come compiled, in a thousand forms. The plain ones stay, which the release and the tests link;
# a form that a link asks for and that is not there is compiled then.
forms=(lto lto-pic pic '*-asan*.a' '*-debug*.a' '*-ww*.a' '*-noexcept.a' '*san*_rt*.a')
unpack=(tar -x -C "$prefix" --exclude='./usr/share/doc/*' --exclude='./usr/share/man/*' --exclude='./usr/share/emscripten/test/*'
  "${forms[@]/#/--exclude=./usr/share/emscripten/cache/sysroot/lib/wasm32-emscripten/}")
# As many at once as there are cores, the largest first: two take most of the time.
ls -S "$work"/debs/*.deb | xargs -P "$(nproc)" -I DEB bash -o pipefail -c 'dpkg-deb --fsys-tarfile "$1" | "${@:2}"' unpack DEB "${unpack[@]}"
mv "$prefix/usr/share/emscripten/cache" "$prefix/cache"

llvm=$(basename "$(ls -d "$prefix"/usr/lib/llvm-*)"); version=${llvm#llvm-}
libraries=$(dirname "$(ls "$prefix"/usr/lib/*/libLLVM*.so* | head -n 1)")
loader=$(ls "$libraries"/ld-linux*.so.* | head -n 1)

# Only the LLVM programs that Emscripten calls.
for program in "$prefix/usr/lib/$llvm/bin"/*; do
  case $(basename "$program") in
    clang|clang++|"clang-$version"|clang-scan-deps|lld|wasm-ld|opt) ;;
    llvm-ar|llvm-nm|llvm-ranlib|llvm-objcopy|llvm-strip|llvm-link|llvm-size|llvm-readobj) ;;
    llvm-cxxfilt|llvm-symbolizer|llvm-addr2line|llvm-dwarfdump|llvm-dwp|llvm-profdata|llvm-cov) ;;
    *) rm -f "$program" ;;
  esac
done
find "$prefix/usr/bin" -xtype l -delete
find "$prefix" -name '*.a' -path "*/$llvm/*" -delete
# 40 MB of Unicode tables, where the XML library does not ask for them.
patchelf --print-needed "$libraries"/libxml2.so.* 2>/dev/null | grep -q icu || rm -f "$libraries"/libicu*

is_elf() { [ -f "$1" ] && [ ! -L "$1" ] && [ "$(head -c4 "$1" | od -An -c | tr -d ' \n')" = '177ELF' ]; }
for file in "$prefix"/usr/bin/* "$prefix/usr/lib/$llvm/bin"/*; do
  is_elf "$file" && patchelf --print-interpreter "$file" >/dev/null 2>&1 || continue
  patchelf --set-interpreter "$loader" --force-rpath --set-rpath "$libraries:$prefix/usr/lib/$llvm/lib" "$file"
done
for file in "$libraries"/*.so*; do
  is_elf "$file" || continue
  [ -z "$(patchelf --print-rpath "$file" 2>/dev/null || true)" ] || patchelf --force-rpath --set-rpath "$libraries" "$file"
done
ln -sfn nodejs "$prefix/usr/share/node_modules"  # where Emscripten's JS optimiser looks for acorn

# Emscripten's own scripts are CommonJS: a package.json somewhere above must not call them ES modules.
echo '{}' > "$prefix/package.json"
cat > "$prefix/emscripten.config" <<CONFIG
LLVM_ROOT = '$prefix/usr/bin'
BINARYEN_ROOT = '$prefix/usr'
NODE_JS = '$(command -v node)'
EMSCRIPTEN_ROOT = '$prefix/usr/share/emscripten'
CACHE = '$prefix/cache'
LLVM_ADD_VERSION = '$version'
CLANG_ADD_VERSION = '$version'
CONFIG
cat > "$prefix/env.sh" <<ENV
export EM_CONFIG=$prefix/emscripten.config EMSCRIPTEN=$prefix/usr/share/emscripten
case ":\$PATH:" in *:\$EMSCRIPTEN:*) ;; *) export PATH=\$EMSCRIPTEN:\$PATH ;; esac
ENV
. "$prefix/env.sh"
emcc --version | head -n 1
echo "$revision" > "$prefix/.done"
