#!/usr/bin/env bash
# Installs the real clients and peers of the conformance suites: OS packages with apt-get, Python clients into a virtual
# environment and Go clients into .cache/conformance. A tool that cannot be installed ends this script with an error.
set -euo pipefail
cd "$(dirname "$0")/../.."

PYVMOMI_VERSION=8.0.3.0.1
PYTSS_VERSION=3.0.0
PYASN1_MODULES_VERSION=0.4.2
TSSJS_VERSION=2.0.0
cache="$PWD/.cache/conformance"
mkdir -p "$cache/bin"

need=()
for pair in swtpm:swtpm swtpm_setup:swtpm-tools tpm2_eventlog:tpm2-tools openssl:openssl ar:binutils readelf:binutils \
  sbverify:sbsigntool jq:jq python3:python3 go:golang-go dbus-run-session:dbus \
  xorriso:xorriso genisoimage:genisoimage mformat:mtools bsdtar:libarchive-tools unzip:unzip xz:xz-utils zstd:zstd \
  qemu-system-x86_64:qemu-system-x86 chromium:chromium pkg-config:pkg-config; do
  command -v "${pair%%:*}" >/dev/null || need+=("${pair##*:}")
done
ls /usr/lib/*/libtss2-tcti-swtpm.so.0 >/dev/null 2>&1 || need+=(libtss2-tcti-swtpm0)
# tpm2-pytss is compiled against tpm2-tss, which it finds by pkg-config.
[ -e /usr/include/tss2/tss2_esys.h ] || need+=(libtss2-dev)
command -v cc >/dev/null || need+=(build-essential)
[ -e /usr/include/openssl/evp.h ] || need+=(libssl-dev)
python3 -c 'import os, sysconfig, sys; sys.exit(not os.path.exists(sysconfig.get_path("include") + "/Python.h"))' ||
  need+=(python3-dev)
ls /usr/lib/*/libtss2-tcti-mssim.so.0 >/dev/null 2>&1 || need+=(libtss2-tcti-mssim0)
ls /usr/lib/*/libtss2-tcti-tabrmd.so.0 >/dev/null 2>&1 || need+=(libtss2-tcti-tabrmd0)
ls /usr/lib/*/libtss2-tcti-device.so.0 >/dev/null 2>&1 || need+=(libtss2-tcti-device0)
[ -x /usr/sbin/tpm2-abrmd ] || need+=(tpm2-abrmd)
# Firmware of virtual machines.
[ -e /usr/share/OVMF/OVMF_CODE_4M.fd ] || need+=(ovmf)
[ -e /usr/share/seabios/bios-256k.bin ] || need+=(seabios)
as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo)
if [ "${#need[@]}" -gt 0 ]; then
  "${as_root[@]}" apt-get update -qq
  DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq "${need[@]}" python3-venv >/dev/null
fi

# A kernel for virtual machines, taken out of its package: nothing of this machine is to boot with it.
if [ ! -e "$cache/guest/vmlinuz" ]; then
  mkdir -p "$cache/guest"
  (
    cd "$(mktemp -d)"
    apt-cache show linux-image-cloud-amd64 >/dev/null 2>&1 || "${as_root[@]}" apt-get update -qq
    apt-get download -qq "$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/ *Depends: *//p')" 2>/dev/null
    dpkg-deb -x ./*.deb package
    cp package/boot/vmlinuz-* "$cache/guest/vmlinuz"
    rm -r "$PWD"
  )
fi

if [ ! -x "$cache/venv/bin/python" ]; then python3 -m venv "$cache/venv"; fi
"$cache/venv/bin/pip" install --quiet --disable-pip-version-check "pyvmomi==$PYVMOMI_VERSION" \
  "tpm2-pytss==$PYTSS_VERSION" "pyasn1-modules==$PYASN1_MODULES_VERSION"

# Only its Windows part needs the native modules it depends on: no install script has to run.
npm install --prefix "$cache/tssjs" --no-save --no-package-lock --ignore-scripts --no-audit --no-fund --loglevel=error \
  "tss.js@$TSSJS_VERSION" >/dev/null

# govc's own module is not on every module proxy; this builds govmomi's command package with a small main of ours.
(
  cd test/conformance/clients/govmomi
  go build -o "$cache/bin/govc" ./govc
  go build -o "$cache/bin/govmomi-report" ./report
)

# TPM clients, the judges of evidence, and upstream's own test suites against a TPM in another process (clients/gotpm/simulator).
(
  cd test/conformance/clients/gotpm
  go build -o "$cache/bin/gotpm-exercise" ./exercise
  go build -o "$cache/bin/gotpm-attestation" ./attestation
  go test -c -o "$cache/bin/go-tpm.test" github.com/google/go-tpm/tpm2/test
  go test -c -o "$cache/bin/go-tpm-legacy.test" github.com/google/go-tpm/legacy/tpm2/test
  go test -c -o "$cache/bin/go-attestation.test" github.com/google/go-attestation/attest
)
(
  cd test/conformance/clients/goverify
  go build -o "$cache/bin/goverify" .
  go build -o "$cache/bin/goverify-platform" ./platform
)
# Microsoft's reference TPM, compiled against OpenSSL; once more with the algorithms of --extra-algorithm.
(
  cd test/conformance/clients/mstpm
  go build -o "$cache/bin/mstpm" .
  CGO_CFLAGS="-O2 -DAES_192=YES -DRSA_3072=YES -DRSA_4096=YES -DEXTRA_CONTEXT_SIZE=2256 -include $PWD/extra.h" \
    go build -o "$cache/bin/mstpm-extra" .
)

for tool in swtpm swtpm_setup tpm2_eventlog tpm2_checkquote openssl ar readelf sbverify sbsign jq go \
  xorriso genisoimage mformat bsdtar unzip xz zstd qemu-system-x86_64 chromium; do
  command -v "$tool" >/dev/null || { echo "conformance: $tool is missing after set-up" >&2; exit 1; }
done
"$cache/bin/govc" version
"$cache/venv/bin/python" -c 'import pyVim.connect, tpm2_pytss, pyasn1_modules.rfc5755'
