"""The PCRs of the hypervisor after a boot from a boot bank, worked out from the files alone by the rules of the public boot loader
sources (launch uefi) and of public reports (launch txt):

    measure.py BANK ALGORITHM LAUNCH SIGNER.pem COMMAND-LINE STRING...

Modules in the order of boot.cfg, unpacked. uefi: stems b, k, s, sb go to PCR 12, esxupdt to 11, files *.gz to 14, all others to 13; b and
k are preceded in PCR 13 by the version record of their ELF section .version, to which their path is appended; nothing is measured as
one zero byte; then the certificate that signed the modules, the command line, and the strings that the kernel sets. txt: k, s, sb,
esxupdt go to 19, others to 20, *.gz to 21 behind the command line, before the strings; b was measured by the launch, microcode is not.
Prints JSON."""
import gzip
import hashlib
import json
import os
import ssl
import struct
import sys

UEFI = {"b": 12, "k": 12, "s": 12, "sb": 12, "esxupdt": 11}
TXT = {"k": 19, "s": 19, "sb": 19, "esxupdt": 19}


def section(elf, wanted):
    """Content of a section of a 64-bit little-endian ELF file, or nothing."""
    if elf[:6] != b"\x7fELF\x02\x01":
        return None
    (table,) = struct.unpack_from("<Q", elf, 0x28)
    size, count, names = struct.unpack_from("<HHH", elf, 0x3A)
    headers = [struct.unpack_from("<IIQQQQ", elf, table + i * size) for i in range(count)]
    strings = headers[names][4]
    for name, _, _, _, offset, length in headers:
        start = strings + name
        if elf[start : elf.index(b"\0", start)] == wanted:
            return elf[offset : offset + length]
    return None


def version_record(elf, path):
    record = section(elf, b".version")
    if record is None or len(record) < 32:
        return None
    total, form = struct.unpack_from("<II", record)
    if form == 0:
        return None
    name = path.encode("ascii") + b"\0"
    record = bytearray(record[:total]) + name
    struct.pack_into("<I", record, 0, total + len(name))
    struct.pack_into("<HH", record, 28, total, len(name))
    return bytes(record)


class Pcrs:
    def __init__(self, algorithm, numbers):
        self.algorithm = algorithm
        self.values = {number: bytes(hashlib.new(algorithm).digest_size) for number in numbers}

    def extend(self, number, data):
        digest = hashlib.new(self.algorithm, data).digest()
        self.values[number] = hashlib.new(self.algorithm, self.values[number] + digest).digest()


def modules(bank):
    """Path, stem, extension and content of each."""
    with open(os.path.join(bank, "boot.cfg"), encoding="ascii") as file:
        config = dict(line.rstrip("\n").split("=", 1) for line in file if "=" in line)
    for item in [config["kernel"]] + config["modules"].split(" --- "):
        path = item.split()[0]
        base = path.rsplit("/", 1)[-1]
        stem, _, extension = base.rpartition(".")
        with open(os.path.join(bank, base), "rb") as file:
            raw = file.read()
        yield path, stem, extension, gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw


def uefi(bank, algorithm, signer, command_line, strings):
    pcrs = Pcrs(algorithm, (11, 12, 13, 14))
    for path, stem, extension, content in modules(bank):
        if stem in ("b", "k"):
            record = version_record(content, path)
            if record is not None:
                pcrs.extend(13, record)
        pcrs.extend(UEFI.get(stem, 14 if extension == "gz" else 13), content or b"\0")
    with open(signer, encoding="ascii") as file:
        pcrs.extend(14, ssl.PEM_cert_to_DER_cert(file.read()))
    pcrs.extend(14, command_line)
    for text in strings:
        pcrs.extend(14, text + b"\0")
    return pcrs


def txt(bank, algorithm, _, command_line, strings):
    pcrs = Pcrs(algorithm, (19, 20, 21))
    pcrs.extend(21, command_line)
    for _, stem, extension, content in modules(bank):
        if stem != "b" and not stem.startswith("uc_"):
            pcrs.extend(TXT.get(stem, 21 if extension == "gz" else 20), content)
    for text in strings:
        pcrs.extend(21, text + b"\0")
    return pcrs


def main():
    bank, algorithm, launch, signer = sys.argv[1:5]
    command_line, *strings = (text.encode("ascii") for text in sys.argv[5:])
    pcrs = {"uefi": uefi, "txt": txt}[launch](bank, algorithm, signer, command_line, strings)
    print(json.dumps({str(number): value.hex() for number, value in pcrs.values.items()}))


main()
