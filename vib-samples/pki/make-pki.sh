#!/usr/bin/env bash
# Makes the certificates of this folder from the committed TEST ONLY keys (and keys that are missing) with openssl.
# It was run once; its results are committed, and `npm run samples` only reads them.
set -euo pipefail
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
serial=4096

key() { # NAME BITS
  [ -f "$1.key.pem" ] && return
  {
    echo "TEST ONLY - published private key of the esxsim test PKI ($1). Never trust it."
    openssl genrsa "$2" 2>/dev/null
  } > "$1.key.pem"
}

# cert NAME ISSUER DIGEST SUBJECT EXTENSIONS (one line each); ISSUER = NAME makes a self-signed certificate
cert() {
  serial=$((serial + 1))
  printf '%x\n' "$serial" > "$work/serial"
  : > "$work/index.txt"
  {
    printf '[ca]\ndefault_ca=c\n[c]\ndatabase=%s/index.txt\nserial=%s/serial\nnew_certs_dir=%s\n' "$work" "$work" "$work"
    printf 'policy=p\nunique_subject=no\nemail_in_dn=no\npreserve=yes\n[p]\ncommonName=supplied\norganizationName=supplied\n'
    printf 'organizationalUnitName=optional\n[x]\n%s\n' "$5"
  } > "$work/ca.cnf"
  openssl req -new -key "$1.key.pem" -subj "$4" -"$3" -out "$work/$1.csr"
  local sign=(-cert "$2.crt.pem" -keyfile "$2.key.pem")
  [ "$1" = "$2" ] && sign=(-selfsign -keyfile "$1.key.pem")
  openssl ca -batch -notext -config "$work/ca.cnf" -extensions x -in "$work/$1.csr" -out "$1.crt.pem" -md "$3" \
    -startdate 20170101000000Z -enddate 20491231235959Z "${sign[@]}" 2>/dev/null
}

ids='subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid'
ca="basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign,cRLSign
$ids"
leaf="basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage=codeSigning
$ids"
O='/O=esxsim test PKI'

for k in vib-root:4096 vib-certified:3072 vib-accepted:3072 vib-partner:3072 module-esxsim_test67:4096 \
  module-esxsim_test40:2048 sb-pk:2048 sb-kek:2048 sb-db-ca:2048 sb-db-bootloader:2048 sb-db-unrelated-ca:2048; do
  key "${k%%:*}" "${k##*:}"
done

cert module-esxsim_test67 module-esxsim_test67 sha512 "$O/CN=esxsim test module signing 67" "$leaf"
cert module-esxsim_test40 module-esxsim_test40 sha256 "$O/CN=esxsim test module signing 40" "$leaf"
cert sb-pk sb-pk sha256 "$O/CN=esxsim test Platform Key" "$ca"
cert sb-kek sb-pk sha256 "$O/CN=esxsim test Key Exchange Key" "$ca"
cert sb-db-ca sb-db-ca sha256 "$O/CN=esxsim test Secure Boot CA" "$ca"
cert sb-db-bootloader sb-db-ca sha256 "$O/CN=esxsim test bootloader signing" "$leaf"
cert sb-db-unrelated-ca sb-db-unrelated-ca sha256 "$O/CN=esxsim test unrelated Secure Boot CA" "$ca"
cert vib-root vib-root sha512 "$O/CN=esxsim test VIB Root CA" "$ca"
# `openssl cms -verify` judges signers by the e-mail purpose: VIB signers carry it besides code signing, so that the plain
# command accepts them. The certificate policy tells the most trusted acceptance level that a signer may claim (docs/vib-signing.md).
level=1
for name in certified accepted partner; do
  cert "vib-$name" vib-root sha512 "$O/CN=esxsim test VIB signing $name" "${leaf/codeSigning/codeSigning,emailProtection}
certificatePolicies=1.3.6.1.4.1.32473.8.$level"
  level=$((level + 1))
done
