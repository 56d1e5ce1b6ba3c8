#!/usr/bin/env bash
# Uses every tool of tpm2-tools once or more against the TPM of $TPM2TOOLS_TCTI, in a new folder. Prints one line for each use:
# its exit code and, where it does not depend on the TPM's secrets, its output (`same`). The TPM must just have been powered on.
# What a use leaves loaded is flushed after it (a TPM has room for three objects and sessions) unless FLUSH=no (a resource manager does it).
set -u
cd "$(mktemp -d)"
n=0
flush() { [ "${FLUSH:-yes}" = no ] || for what in -t -l; do tpm2_flushcontext $what >/dev/null 2>&1; done; }
# t TOOL ARGS...: exit code only.   same TOOL ARGS...: exit code and output.
t() {
  n=$((n + 1))
  "tpm2_$1" "${@:2}" >"out.$n" 2>"err.$n"
  local code=$?
  flush
  # Names of keys differ from TPM to TPM.
  echo "$n $* -> $code" | sed -E 's/ 000b[0-9a-f]{64}/ NAME/'
  [ -z "${VERBOSE:-}" ] || [ $code -eq 0 ] || sed 's/^/    /' "err.$n" | tail -4 >&2
}
same() {
  t "$@"
  LC_ALL=C cat -v "out.$n" | sed 's/^/    /'
}
session() { t startauthsession -S "$@"; }

t startup -c
t selftest -f
t incrementalselftest sha256
t gettestresult
same getcap -l
for group in algorithms commands pcrs ecc-curves properties-variable; do t getcap $group; done
t getcap properties-fixed
t getrandom --hex 16
echo stir >stir.bin
t stirrandom stir.bin
t testparms rsa2048
t testparms ecc256:ecdsa
t testparms rsa7
t readclock
t setclock 500000
t clockrateadjust s
t clockrateadjust f

# PCR
echo measured >event.bin
same pcrread sha1:0,16,17+sha256:0,10,16,23
same pcrevent 16 event.bin
same pcrextend 16:sha256=$(printf '11%.0s' {1..32}) 10:sha1=$(printf '22%.0s' {1..20})
same pcrread sha1:10,16+sha256:10,16
t pcrreset 16
same pcrread sha256:16
t pcrreset 0
t pcrextend 24:sha256=00
t pcrallocate sha256:all+sha1:all+sha384:all+sha512:all

# Hash, HMAC
same hash -C o -g sha256 --hex -o hash.bin -t hash.tk event.bin
head -c 5000 /dev/zero >long.bin
same hash -C n -g sha384 --hex -t hash2.tk long.bin
t createprimary -C o -g sha256 -G ecc -c primary.ctx
t create -C primary.ctx -G hmac -u hmac.pub -r hmac.priv -c hmac.ctx
t hmac -c hmac.ctx --hex event.bin
t hmac -c hmac.ctx --hex long.bin

# Objects
t create -C primary.ctx -G rsa2048 -u rsa.pub -r rsa.priv -p keypass
t load -C primary.ctx -u rsa.pub -r rsa.priv -c rsa.ctx
t readpublic -c rsa.ctx -f pem -o rsa.pem -n rsa.name
t sign -c rsa.ctx -p keypass -g sha256 -o sig.bin event.bin
t verifysignature -c rsa.ctx -g sha256 -m event.bin -s sig.bin -t sig.tk
t verifysignature -c rsa.ctx -g sha256 -m stir.bin -s sig.bin
t sign -c rsa.ctx -p wrong -g sha256 -o no.bin event.bin
echo secret >plain.bin
t rsaencrypt -c rsa.ctx -o cipher.bin plain.bin
same rsadecrypt -c rsa.ctx -p keypass cipher.bin
t changeauth -c rsa.ctx -C primary.ctx -p keypass -r rsa2.priv newpass
t load -C primary.ctx -u rsa.pub -r rsa2.priv -c rsa2.ctx
t sign -c rsa2.ctx -p newpass -g sha256 -s rsapss -o sig.pss event.bin
t loadexternal -C n -G rsa -u rsa.pem -c external.ctx
t encodeobject -C primary.ctx -u rsa.pub -r rsa.priv -o rsa.tss2.pem
same print -t TPM2B_PUBLIC /dev/null
t print -t TPM2B_PUBLIC rsa.pub
t create -C primary.ctx -i plain.bin -u seal.pub -r seal.priv -p sealpass
t load -C primary.ctx -u seal.pub -r seal.priv -c seal.ctx
same unseal -c seal.ctx -p sealpass
t unseal -c seal.ctx -p wrong
t dictionarylockout -c
t create -C primary.ctx -G aes128 -u aes.pub -r aes.priv
t load -C primary.ctx -u aes.pub -r aes.priv -c aes.ctx
t encryptdecrypt -c aes.ctx -o aes.enc plain.bin
same encryptdecrypt -d -c aes.ctx aes.enc
t evictcontrol -C o -c primary.ctx 0x81000001
same getcap handles-persistent
t readpublic -c 0x81000001
t evictcontrol -C o -c 0x81000001

# ECC
t geteccparameters ecc256 -o ecc256.bin
t geteccparameters ecc384 -o ecc.bin
t create -C primary.ctx -G ecc256:ecdh -u ecdh.pub -r ecdh.priv -a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|decrypt'
t load -C primary.ctx -u ecdh.pub -r ecdh.priv -c ecdh.ctx
t ecdhkeygen -c ecdh.ctx -u point.bin -o z1.bin
t ecdhzgen -c ecdh.ctx -u point.bin -o z2.bin
cmp z1.bin z2.bin >/dev/null && echo "ecdh agrees" || echo "ecdh differs"
t ecephemeral ecc256 -u eph.pub -t eph.ctr
t create -C primary.ctx -G ecc256:ecdaa -u daa.pub -r daa.priv -a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign'
t load -C primary.ctx -u daa.pub -r daa.priv -c daa.ctx
t commit -c daa.ctx -t daa.ctr --eccpoint-K k.bin --eccpoint-L l.bin -u e.bin
t create -C primary.ctx -G ecc256 -u zg.pub -r zg.priv -a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|decrypt'
t load -C primary.ctx -u zg.pub -r zg.priv -c zg.ctx
t ecephemeral ecc256 -u q.bin -t q.ctr
t zgen2phase -c zg.ctx --static-public point.bin --ephemeral-public point.bin -t "$(od -An -tu2 --endian=big q.ctr | tr -d ' ')" --output-Z1 a.bin --output-Z2 b.bin

# EK, AK, credentials, attestation
t createek -c ek.ctx -G ecc -u ek.pub
t createak -C ek.ctx -c ak.ctx -G ecc -g sha256 -s ecdsa -u ak.pub -n ak.name
echo credential >cred.in
t readpublic -c ek.ctx -o ek.tpm2b
t makecredential -u ek.tpm2b -s cred.in -o cred.blob -n "$(od -An -tx1 -v ak.name | tr -d ' \n')"
session session.ctx --policy-session
t policysecret -S session.ctx -c e
t activatecredential -c ak.ctx -C ek.ctx -i cred.blob -o cred.out -P session:session.ctx
cmp cred.in cred.out >/dev/null && echo "credential released" || echo "credential lost"
t flushcontext session.ctx
t quote -c ak.ctx -l sha256:0,10,16 -q 0102 -m quote.msg -s quote.sig -o quote.pcrs -g sha256
t readpublic -c ak.ctx -f pem -o ak.pem
t checkquote -u ak.pem -m quote.msg -s quote.sig -f quote.pcrs -g sha256 -q 0102
t checkquote -u ak.pem -m quote.msg -s quote.sig -f quote.pcrs -g sha256 -q 0103
t gettime -c ak.ctx -q 0102 --attestation time.attest -o time.sig -g sha256
t certify -C ak.ctx -c primary.ctx -g sha256 -o cert.attest -s cert.sig
t createprimary -C o -G ecc -c p2.ctx --creation-data p2.cd --creation-hash p2.ch -t p2.tk
t certifycreation -C ak.ctx -c p2.ctx -g sha256 -d p2.ch -t p2.tk -o cc.sig --attestation cc.attest
t certifyX509certutil -o template.der
t setcommandauditstatus TPM2_CC_GetRandom
t getrandom --hex 4
t getcommandauditdigest -c ak.ctx -q 0102 -m audit.attest -s audit.sig -g sha256
t setcommandauditstatus --clear-list TPM2_CC_GetRandom
session audit.ctx --audit-session
t getrandom --hex 4 -S audit.ctx
t getsessionauditdigest -c ak.ctx -S audit.ctx -q 0102 -m sa.attest -s sa.sig -g sha256
t sessionconfig audit.ctx
t flushcontext audit.ctx

# Policies
policy() { # tool and its arguments, in a trial session; prints the digest
  session trial.ctx
  same "$1" -S trial.ctx -L "$1.policy" "${@:2}"
  t flushcontext trial.ctx
}
policy policypassword
policy policyauthvalue
policy policycommandcode TPM2_CC_Unseal
policy policylocality 3
policy policypcr -l sha256:23
policy policynvwritten s
policy policycountertimer --ugt clock=1000
openssl dgst -sha256 -binary -out digest32.bin event.bin
printf '\000\040' | cat - digest32.bin >digest32.2b
policy policycphash --cphash digest32.2b
policy policynamehash -n digest32.bin
policy policytemplate --template-hash digest32.bin
policy policysecret -c o
session trial.ctx
same policyor -S trial.ctx -L or.policy sha256:policypcr.policy,policyauthvalue.policy
t policyrestart -S trial.ctx
same policycommandcode -S trial.ctx -L again.policy TPM2_CC_Sign
t getpolicydigest -S trial.ctx -o digest.bin
t flushcontext trial.ctx
same createpolicy --policy-pcr -l sha256:23 -L create.policy
t create -C primary.ctx -i plain.bin -L policypcr.policy -u ps.pub -r ps.priv
t load -C primary.ctx -u ps.pub -r ps.priv -c ps.ctx
session session.ctx --policy-session
same policypcr -S session.ctx -l sha256:23
same unseal -c ps.ctx -p session:session.ctx
t flushcontext session.ctx
t unseal -c ps.ctx
openssl genrsa -out signer.pem 2048 2>/dev/null
openssl rsa -in signer.pem -pubout -out signer.pub 2>/dev/null
t loadexternal -C o -G rsa -u signer.pub -c signer.ctx -n signer.name
session session.ctx --policy-session
head -c 4 /dev/zero | openssl dgst -sha256 -sign signer.pem -out signed.sig
t policysigned -S session.ctx -g sha256 -s signed.sig -f rsassa -c signer.ctx -L signed.policy
t flushcontext session.ctx
session session.ctx --policy-session
t policysecret -S session.ctx -c o --expiration=-60 --ticket ticket.bin --timeout timeout.bin
t flushcontext session.ctx
session session.ctx --policy-session
printf '\100\000\000\001' >owner.name
t policyticket -S session.ctx -n owner.name --ticket ticket.bin --timeout timeout.bin
t flushcontext session.ctx
openssl dgst -sha256 -sign signer.pem -out authorized.sig policypcr.policy
t verifysignature -c signer.ctx -g sha256 -m policypcr.policy -s authorized.sig -t authorized.tk -f rsassa
session session.ctx --policy-session
t policypcr -S session.ctx -l sha256:23
t policyauthorize -S session.ctx -i policypcr.policy -n signer.name -t authorized.tk -L authorize.policy
t flushcontext session.ctx

# Duplication
session trial.ctx
same policycommandcode -S trial.ctx -L dup.policy TPM2_CC_Duplicate
t flushcontext trial.ctx
t createprimary -C o -G ecc -c newparent.ctx
t create -C primary.ctx -G rsa2048 -L dup.policy -a 'sensitivedataorigin|userwithauth|decrypt|sign' -u dup.pub -r dup.priv
t load -C primary.ctx -u dup.pub -r dup.priv -c dup.ctx -n dup.name
session session.ctx --policy-session
t policycommandcode -S session.ctx TPM2_CC_Duplicate
t duplicate -C newparent.ctx -c dup.ctx -G null -p session:session.ctx -r out.dup -s out.seed
t flushcontext session.ctx
t readpublic -c newparent.ctx -n parent.name
session trial.ctx
t policyduplicationselect -S trial.ctx -N parent.name -n dup.name -L select.policy
t flushcontext trial.ctx
t import -C newparent.ctx -u dup.pub -i out.dup -r imported.priv -s out.seed
t load -C newparent.ctx -u dup.pub -r imported.priv -c imported.ctx
t import -C primary.ctx -G rsa -i signer.pem -u imp.pub -r imp.priv
t load -C primary.ctx -u imp.pub -r imp.priv -c imp.ctx

# NV
t nvdefine 0x1500001 -C o -s 32 -a 'ownerread|ownerwrite|authread|authwrite|read_stclear|write_stclear'
same nvreadpublic 0x1500001
t nvwrite 0x1500001 -C o -i plain.bin
same nvread 0x1500001 -C o -s 7
t nvcertify -C ak.ctx -c o 0x1500001 -g sha256 -o nv.sig --attestation nv.attest --size 7
session session.ctx --policy-session
same policynv -S session.ctx -C o -i plain.bin -L nv.policy 0x1500001 eq
t flushcontext session.ctx
t nvwritelock 0x1500001 -C o
t nvwrite 0x1500001 -C o -i plain.bin
t nvreadlock 0x1500001 -C o
t nvread 0x1500001 -C o -s 7
t nvundefine 0x1500001 -C o
t nvdefine 0x1500002 -C o -a 'ownerread|ownerwrite|nt=counter'
t nvincrement 0x1500002 -C o
t nvread 0x1500002 -C o
t nvdefine 0x1500003 -C o -a 'ownerread|ownerwrite|nt=bits'
t nvsetbits 0x1500003 -C o -i 0x81
same nvread 0x1500003 -C o
t nvdefine 0x1500004 -C o -a 'ownerread|ownerwrite|nt=extend' -g sha256
t nvextend 0x1500004 -C o -i plain.bin
t nvread 0x1500004 -C o
t nvdefine 0x1500005 -C o -s 34 -a 'ownerread|ownerwrite'
printf '\000\013' | cat - policypcr.policy >nvpolicy.bin
t nvwrite 0x1500005 -C o -i nvpolicy.bin
session session.ctx --policy-session
t policypcr -S session.ctx -l sha256:23
t policyauthorizenv -S session.ctx -C o -L authnv.policy 0x1500005
t flushcontext session.ctx
for i in 2 3 4 5; do t nvundefine 0x150000$i -C o; done
t nvread 0x1500009 -C o
t getekcertificate -X -o ek.cert 2>/dev/null

# Hierarchies
t changeauth -c o ownerpass
t createprimary -C o -P wrong -c no.ctx
t createprimary -C o -P ownerpass -G ecc -c yes.ctx
t changeauth -c o -p ownerpass
t setprimarypolicy -C o -L policypcr.policy -g sha256
t hierarchycontrol -C p shEnable clear
t createprimary -C o -G ecc -c no.ctx
t hierarchycontrol -C p shEnable set
t dictionarylockout -s -n 5 -t 6 -l 7
same getcap properties-variable
t clearcontrol -C l s
t clear
t clearcontrol -C p c
t clear
t changeeps
t changepps

# Without the TPM, and raw commands
same rc_decode 0x1c4
same rc_decode 0x101
printf '\200\001\000\000\000\014\000\000\001\173\000\004' | t send -o answer.bin
head -c 10 answer.bin | od -An -tx1
t eventlog /dev/null
t shutdown
t pcrread sha256:0
t shutdown -c
