#!/usr/bin/env bash
# Uses every tss2_ tool of tpm2-tools, the TCG Feature API, once or more with profile $1 against the TPM of TCTI $2, with a keystore
# of its own. Prints one line for each use: its exit code and, where it does not depend on the TPM's secrets, its output (`same`).
# The TPM must just have been powered on and started.
set -u
profile=$1 tcti=$2
cd "$(mktemp -d)"
mkdir user system log
cat >config.json <<JSON
{ "profile_name": "$profile", "profile_dir": "/etc/tpm2-tss/fapi-profiles/", "user_dir": "$PWD/user", "system_dir": "$PWD/system",
  "tcti": "$tcti", "ek_cert_less": "yes", "system_pcrs": [], "log_dir": "$PWD/log" }
JSON
export TSS2_FAPICONF=$PWD/config.json TSS2_LOG=all+NONE
n=0
# Nobody stands between this API, which leaves objects behind where it fails, and the room of the TPM.
flush() { for what in -t -l; do tpm2_flushcontext -T "$tcti" $what >/dev/null 2>&1; done; }
# t TOOL ARGS...: exit code only.   same TOOL ARGS...: exit code and output.
t() {
  n=$((n + 1))
  "tss2_$1" "${@:2}" >"out.$n" 2>"err.$n" </dev/null
  local code=$?
  flush
  echo "$n $* -> $code"
  [ -z "${VERBOSE:-}" ] || [ $code -eq 0 ] || sed 's/^/    /' "err.$n" | tail -4 >&2
}
same() {
  t "$@"
  LC_ALL=C cat -v "out.$n" | sed 's/^/    /'
}
# Names of certificates in the keystore hold the names of profile and key, nothing of the TPM.
t getrandom -n 8 -o early.bin
t provision
t provision
t getinfo -o info.json
grep -c '"' info.json >/dev/null && echo "information was given"
t getrandom -n 32 --hex -o random.txt
wc -c <random.txt
same list -p /

# Keys and signatures
echo "a message" >message.txt
head -c 32 /dev/zero | tr '\0' 'm' >digest.bin
t createkey -p HS/SRK/sign -t sign,noDa,exportable -a ""
t createkey -p HS/SRK/sign -t sign,noDa -a ""
t createkey -p HS/SRK/locked -t sign -a secret
t sign -p HS/SRK/sign -d digest.bin -k sign.pem -o sign.sig
t verifysignature -p HS/SRK/sign -d digest.bin -i sign.sig
head -c 32 /dev/zero >other.bin
t verifysignature -p HS/SRK/sign -d other.bin -i sign.sig
openssl pkeyutl -verify -pubin -inkey sign.pem -in digest.bin -sigfile sign.sig -pkeyopt digest:sha256 \
  $([ "$profile" = P_ECCP256SHA256 ] || echo -pkeyopt rsa_padding_mode:pss) 2>/dev/null
t import -p ext/sign -i sign.pem
t verifysignature -p ext/sign -d digest.bin -i sign.sig
t exportkey -p HS/SRK/sign -o exported.json
t exportkey -p HS/SRK/sign -e ext/sign -o exported2.json
t createkey -p HS/SRK/storage -t decrypt,restricted,noDa -a ""
t createkey -p HS/SRK/storage/child -t sign,noDa -a ""
t sign -p HS/SRK/storage/child -d digest.bin -o child.sig -f
t gettpmblobs -p HS/SRK/storage/child --tpm2bPublic=child.pub --tpm2bPrivate=child.priv --policy=child.policy
wc -c <child.pub
t gettpm2object -p HS/SRK/sign -c sign.ctx
t changeauth -p HS/SRK/sign -a new
t sign -p HS/SRK/sign -d digest.bin -o locked.sig
t changeauth -p HS/SRK/missing -a new
openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -subj /CN=test -days 10 -out certificate.pem 2>/dev/null
t setcertificate -p HS/SRK/sign --x509certData=certificate.pem
t getcertificate -p HS/SRK/sign -o read.pem
cmp certificate.pem read.pem && echo "certificate kept"
t getplatformcertificates -o platform.bin

# Encryption and sealing
if [ "$profile" = P_RSA2048SHA256 ]; then
  t createkey -p HS/SRK/crypt -t decrypt,noDa -a ""
  t encrypt -p HS/SRK/crypt -i message.txt -o cipher.bin
  t decrypt -p HS/SRK/crypt -i cipher.bin -o plain.txt
  cmp message.txt plain.txt && echo "decrypted"
fi
t createseal -p HS/SRK/sealed -t noDa -a "" -i message.txt
same unseal -p HS/SRK/sealed -o -
t createseal -p HS/SRK/sealedrandom -t noDa -a "" -s 24
t unseal -p HS/SRK/sealedrandom -o random24.bin
wc -c <random24.bin

# Descriptions and application data
t setdescription -p HS/SRK/sign -i "a signing key"
same getdescription -p HS/SRK/sign -o -
t setappdata -p HS/SRK/sign -i message.txt
same getappdata -p HS/SRK/sign -o -

# NV
t createnv -p nv/Owner/plain -t noDa -s 10 -a ""
printf 0123456789 >ten.txt
t nvread -p nv/Owner/plain -o early.bin
t nvwrite -p nv/Owner/plain -i ten.txt
same nvread -p nv/Owner/plain -o -
t createnv -p nv/Owner/counter -t counter,noDa -s 0 -a ""
t nvincrement -p nv/Owner/counter
t nvread -p nv/Owner/counter -o first.bin
t nvincrement -p nv/Owner/counter
t nvread -p nv/Owner/counter -o second.bin
echo $((0x$(od -An -tx1 second.bin | tr -d ' ') - 0x$(od -An -tx1 first.bin | tr -d ' '))) more
t createnv -p nv/Owner/bits -t bitfield,noDa -s 0 -a ""
t nvsetbits -p nv/Owner/bits -i 0x0102030405060608
t nvread -p nv/Owner/bits -o bits.bin
od -An -tx1 bits.bin
t createnv -p nv/Owner/extend -t pcr,noDa -s 0 -a ""
echo '{"event":"first"}' >event.json
t nvextend -p nv/Owner/extend -i message.txt -l event.json
t nvread -p nv/Owner/extend -o extend.bin -l extend.json
od -An -tx1 extend.bin
t createnv -p nv/Owner/guarded -t noDa -s 10 -a secret
t nvwrite -p nv/Owner/guarded -i ten.txt

# PCR and quotes
t pcrread -x 16 -o pcr.bin -l pcr.json
od -An -tx1 pcr.bin
t pcrextend -x 16 --data=message.txt --logData=event.json
t pcrread -f -x 16 -o pcr.bin -l pcr.json
od -An -tx1 pcr.bin
t createkey -p HS/SRK/attest -t sign,restricted,noDa -a ""
head -c 20 /dev/zero >nonce.bin
t quote -x 11,16 -p HS/SRK/attest -Q nonce.bin -o quote.sig -l quote.log -q quote.json
t verifyquote -k HS/SRK/attest -Q nonce.bin -i quote.sig -l quote.log -q quote.json
t verifyquote -k HS/SRK/attest -Q other.bin -i quote.sig -l quote.log -q quote.json

# Policies
pcr=$(od -An -tx1 pcr.bin | tr -d ' \n')
cat >pcr-policy.json <<JSON
{ "description": "PCR 16", "policy": [ { "type": "POLICYPCR", "pcrs": [ { "pcr": 16, "hashAlg": "TPM2_ALG_SHA256", "digest": "$pcr" } ] } ] }
JSON
t import -p policy/pcr -i pcr-policy.json
t createseal -p HS/SRK/bound -P policy/pcr -t noDa -a "" -i message.txt
same unseal -p HS/SRK/bound -o -
t exportpolicy -p HS/SRK/bound -o exported-policy.json
grep -o '"digest":"[0-9a-f]*"' exported-policy.json | head -1
cat >authorize.json <<'JSON'
{ "description": "whatever the key signs", "policy": [ { "type": "POLICYAUTHORIZE", "policyRef": [ 1, 2, 3 ], "keyPath": "/HS/SRK/authority" } ] }
JSON
t createkey -p HS/SRK/authority -t sign,noDa -a ""
t import -p policy/authorize -i authorize.json
printf '\1\2\3' >ref.bin
t authorizepolicy -P policy/pcr -p HS/SRK/authority --policyRef=ref.bin
t createseal -p HS/SRK/authorized -P policy/authorize -t noDa -a "" -i message.txt
same unseal -p HS/SRK/authorized -o -
t createnv -p nv/Owner/policy -t noDa -s 34 -a ""
echo '{ "description": "what NV holds", "policy": [ { "type": "POLICYAUTHORIZENV", "nvPath": "/nv/Owner/policy" } ] }' >nv-policy.json
t import -p policy/nv -i nv-policy.json
t writeauthorizenv -p nv/Owner/policy -P policy/pcr
t createseal -p HS/SRK/nvauthorized -P policy/nv -t noDa -a "" -i message.txt
same unseal -p HS/SRK/nvauthorized -o -
for one in '"type": "POLICYAUTHVALUE"' '"type": "POLICYPASSWORD"' '"type": "POLICYCOMMANDCODE", "code": "UNSEAL"' \
  '"type": "POLICYLOCALITY", "locality": ["zero"]' '"type": "POLICYSECRET", "objectPath": "nv/Owner/plain"' \
  '"type": "POLICYNV", "nvPath": "/nv/Owner/plain", "operandB": "30", "operation": "eq"' \
  '"type": "POLICYSIGNED", "keyPath": "/HS/SRK/authority"' \
  '"type": "POLICYOR", "branches": [ { "name": "a", "description": "a", "policy": [ { "type": "POLICYAUTHVALUE" } ] }, { "name": "b", "description": "b", "policy": [ { "type": "POLICYCOMMANDCODE", "code": "UNSEAL" } ] } ]'; do
  k=$((n + 1))
  echo "{ \"description\": \"p\", \"policy\": [ { $one } ] }" >policy.json
  t import -p "policy/p$k" -i policy.json
  t createseal -p "HS/SRK/p$k" -P "policy/p$k" -t noDa -a "" -i message.txt
  # What is asked of the signer names the signer's key.
  case $one in *SIGNED*) t unseal -p "HS/SRK/p$k" -o - ;; *) same unseal -p "HS/SRK/p$k" -o - ;; esac
done
t pcrextend -x 16 --data=message.txt
t unseal -p HS/SRK/bound -o gone.txt

same list -p HS/SRK
t delete -p nv/Owner/plain
t delete -p HS/SRK/storage
t delete -p /
same list
