"""Judges a boot bank as the early environment of a host does, with nothing of esxsim: Python's tar, gzip and XML, hashlib, openssl.

    check.py BANK ROOT.pem KEYID=CERT.pem...

Every VIB of the image database must be signed under ROOT, every payload in the bank must be what its descriptor says, and every module
that must carry an attached signature (ELF files, and the stems s, sb, esxupdt) must carry one that verifies with the certificate of its
key id. The layout of that signature is the one of the public boot loader sources: module, schema (u32), key id (16), RSA signature,
length (u32), magic (u32), little endian. Prints JSON."""
import gzip
import hashlib
import json
import os
import struct
import subprocess
import sys
import tarfile
import tempfile
from xml.etree import ElementTree

MAGIC = 0x1ABE11ED
KEY_ID_SIZE = 16
SIGNED_STEMS = {"s", "sb", "esxupdt"}
# RSA PKCS#1 v1.5 over the digest that goes with the size of the key.
DIGEST_OF_SIZE = {256: "sha256", 512: "sha512"}


def openssl(*args, files=()):
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for number, data in enumerate(files):
            paths.append(os.path.join(folder, str(number)))
            with open(paths[-1], "wb") as file:
                file.write(data)
        command = ["openssl"] + [paths[arg] if isinstance(arg, int) else arg for arg in args]
        return subprocess.run(command, capture_output=True, check=False)


def read_database(bank):
    """Descriptors and signatures by VIB id, and file names by VIB id and payload."""
    xml, signatures, names = {}, {}, {}
    with tarfile.open(os.path.join(bank, "imgdb.tgz"), "r:gz") as archive:
        for member in archive:
            if not member.isfile():
                continue
            data = archive.extractfile(member).read()
            folder, name = member.name.split("/")[-2:]
            if folder == "profiles":
                for vib in ElementTree.fromstring(data).iter("vib"):
                    for payload in vib.iter("payload"):
                        names[vib.findtext("vib-id"), payload.get("payload-name")] = payload.get("vfat-name")
            elif folder == "vibs" and name.endswith(".xml"):
                xml[name] = data
            elif folder == "vibs" and name.endswith(".xml.sig"):
                signatures[name[: -len(".sig")]] = data
    return xml, signatures, names


def check_vibs(bank, root, problems):
    """Owner by file."""
    xml, signatures, names = read_database(bank)
    owners = {}
    for name, data in xml.items():
        descriptor = ElementTree.fromstring(data)
        vib = "_".join(descriptor.findtext(tag) for tag in ("vendor", "type", "name", "version"))
        verify = ("cms", "-verify", "-binary", "-inform", "DER", "-in", 0, "-content", 1)
        trust = ("-CAfile", root, "-purpose", "any", "-no_check_time", "-out", os.devnull)
        done = openssl(*verify, *trust, files=(signatures.get(name, b""), data))
        if done.returncode != 0:
            problems.append(f"{vib}: signature")
        for payload in descriptor.iter("payload"):
            file = names.get((vib, payload.get("name")))
            if file is None:
                problems.append(f"{vib}: payload {payload.get('name')} has no file")
                continue
            owners[file] = vib
            with open(os.path.join(bank, file), "rb") as stream:
                raw = stream.read()
            for checksum in payload.iter("checksum"):
                content = gzip.decompress(raw) if checksum.get("verify-process") == "gunzip" else raw
                algorithm = checksum.get("checksum-type").replace("-", "")
                if hashlib.new(algorithm, content).hexdigest() != checksum.text:
                    problems.append(f"{file}: {algorithm}")
    return owners


def check_module(file, content, keys, problems):
    """Key id and schema of the attached signature of a module that must have one."""
    stem = file.rsplit(".", 1)[0]
    # The last file of another archive may end in a signature of its own, which is none of the archive.
    if content[:4] != b"\x7fELF" and stem not in SIGNED_STEMS:
        return None
    if len(content) < 8 or struct.unpack("<I", content[-4:])[0] != MAGIC:
        problems.append(f"{file}: no attached signature")
        return None
    (length,) = struct.unpack("<I", content[-8:-4])
    signature = content[-8 - length : -8]
    signed = content[: -8 - length]
    (schema,) = struct.unpack("<I", signed[-4:])
    key_id = signature[:KEY_ID_SIZE].rstrip(b"\0").decode("ascii")
    if key_id not in keys:
        problems.append(f"{file}: key {key_id}")
        return None
    public = openssl("x509", "-in", keys[key_id], "-pubkey", "-noout").stdout
    digest = DIGEST_OF_SIZE[length - KEY_ID_SIZE]
    done = openssl("dgst", f"-{digest}", "-verify", 0, "-signature", 1, 2, files=(public, signature[KEY_ID_SIZE:], signed))
    if done.returncode != 0:
        problems.append(f"{file}: attached signature")
    return {"keyId": key_id, "schema": schema}


def main():
    bank, root = sys.argv[1:3]
    keys = dict(pair.split("=", 1) for pair in sys.argv[3:])
    with open(os.path.join(bank, "boot.cfg"), encoding="ascii") as file:
        config = dict(line.rstrip("\n").split("=", 1) for line in file if "=" in line)
    listed = [config["kernel"]] + config["modules"].split(" --- ")
    files = [item.split()[0].lstrip("/") for item in listed]
    problems = []
    owners = check_vibs(bank, root, problems)
    trailers = {}
    for file in files:
        with open(os.path.join(bank, file), "rb") as stream:
            raw = stream.read()
        content = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
        found = check_module(file, content, keys, problems)
        if found is not None:
            trailers[file] = found
    unowned = [file for file in files if file not in owners]
    print(json.dumps({"problems": problems, "vibs": sorted(set(owners.values())), "unowned": unowned, "trailers": trailers}))


main()
