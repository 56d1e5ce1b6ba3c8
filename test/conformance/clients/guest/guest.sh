# Runs inside the virtual machine of test/conformance/linux-guest.ts, as all there is of its user land. Each part of the output
# begins with a line "== NAME"; a command's exit code is a line "exit N".
stty -F /dev/ttyS1 raw 2>/dev/null
part() { echo "== $1"; }
e() { node /esxsim/bin/esxsim.js "$@"; echo "exit $?"; }

part devices
ls /dev | grep '^tpm'
cat /sys/class/tpm/tpm0/tpm_version_major

part boot
e boot --tpm device:/dev/tpmrm0 --out /evidence
part pcrs
cat /evidence/pcrs.json
part kernel
# The kernel's own way to read PCRs.
for bank in sha1 sha256; do for pcr in /sys/class/tpm/tpm0/pcr-$bank/*; do echo "$bank ${pcr##*/} $(cat "$pcr")"; done; done
part again
e boot --tpm device:/dev/tpmrm0
part gotpm
gotpm-exercise device:/dev/tpmrm0
echo "exit $?"
part tools
TPM2TOOLS_TCTI=device:/dev/tpmrm0 FLUSH=no bash /every-tool.sh
echo "exit $?"
part end
