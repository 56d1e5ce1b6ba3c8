"""PCR 11, 12 and 13 of a UEFI boot from a boot bank, worked out from the files alone by the rules of the public boot loader sources:

    measure.py BANK ALGORITHM

Modules in the order of boot.cfg, unpacked; stems b, k, s, sb go to PCR 12, esxupdt to 11, files *.gz to 14, all others to 13; b and k
are preceded in PCR 13 by the version record of their ELF section .version, to which their path is appended. Prints JSON."""
import gzip
import hashlib
import json
import os
import struct
import sys

PCR_OF_STEM = {"b": 12, "k": 12, "s": 12, "sb": 12, "esxupdt": 11}


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


def main():
    bank, algorithm = sys.argv[1:3]
    with open(os.path.join(bank, "boot.cfg"), encoding="ascii") as file:
        config = dict(line.rstrip("\n").split("=", 1) for line in file if "=" in line)
    pcrs = {pcr: bytes(hashlib.new(algorithm).digest_size) for pcr in (11, 12, 13, 14)}

    def extend(pcr, data):
        pcrs[pcr] = hashlib.new(algorithm, pcrs[pcr] + hashlib.new(algorithm, data).digest()).digest()

    for item in [config["kernel"]] + config["modules"].split(" --- "):
        path = item.split()[0]
        base = path.rsplit("/", 1)[-1]
        stem, _, extension = base.rpartition(".")
        with open(os.path.join(bank, base), "rb") as file:
            raw = file.read()
        content = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
        if stem in ("b", "k"):
            record = version_record(content, path)
            if record is not None:
                extend(13, record)
        pcr = PCR_OF_STEM.get(stem, 14 if extension == "gz" else 13)
        extend(pcr, content or b"\0")
    print(json.dumps({str(pcr): pcrs[pcr].hex() for pcr in (11, 12, 13)}))


main()
