"""Logs in to a vSphere server with pyvmomi, reads the host properties that scripts read, and prints every host's TPM
attestation report as JSON.

usage: report.py HOST PORT USER PASSWORD [--ca FILE | --http] [--version 6.7] [--reboot]

Exit 0 with JSON on stdout; exit 3 with the fault's name on stderr where the login is refused.
"""

import argparse
import json
import ssl
import sys
import time

from pyVim.connect import Disconnect, SmartConnect
from pyVmomi import VmomiSupport, vim


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("user")
    parser.add_argument("password")
    parser.add_argument("--ca")
    parser.add_argument("--http", action="store_true")
    parser.add_argument("--version", help="API version to speak instead of the negotiated one, e.g. 6.7")
    parser.add_argument("--reboot", action="store_true", help="reboot the first host and wait for the task")
    return parser.parse_args()


def connect(args):
    options = {}
    if args.http:
        options["protocol"] = "http"
    else:
        options["sslContext"] = ssl.create_default_context(cafile=args.ca)
    if args.version:
        # Chosen instead of the newest version that both sides know.
        options["preferredApiVersions"] = [VmomiSupport.versionMap["vim25/" + args.version]]
    return SmartConnect(host=args.host, port=args.port, user=args.user, pwd=args.password, **options)


def signed(values):
    return "".join("%02x" % (value & 0xFF) for value in values)


def event(entry):
    details = entry.eventDetails
    kind = type(details).__name__.replace("vim.host.Tpm", "").replace("EventDetails", "")
    text = ""
    for name in ("componentName", "commandLine", "optionsFileName", "bootSecurityOption"):
        text = getattr(details, name, text) or text
    return {
        "pcr": entry.pcrIndex,
        "type": kind,
        "hash": signed(details.dataHash),
        "method": getattr(details, "dataHashMethod", None),
        "text": text,
    }


def describe(host):
    report = host.QueryTpmAttestationReport()
    out = {
        "name": host.name,
        "moid": host._moId,
        "parent": host.parent.name,
        "state": host.runtime.connectionState,
        "summaryName": host.summary.config.name,
        "uuid": host.summary.hardware.uuid,
        "product": host.config.product.fullName,
        "bios": host.hardware.biosInfo.biosVersion,
        "vendor": host.hardware.systemInfo.vendor,
        "tpmSupported": host.capability.tpmSupported,
        "tpmVersion": getattr(host.capability, "tpmVersion", None),
        "status": getattr(getattr(host.summary, "tpmAttestation", None), "status", None),
        "options": {option.key: option.value for option in host.config.option},
        "acceptance": host.configManager.imageConfigManager.HostImageConfigGetAcceptance(),
        "profile": host.configManager.imageConfigManager.HostImageConfigGetProfile().name,
        "packages": [],
        "pcrs": [],
        "events": [],
        "reliable": None,
    }
    if hasattr(host.configManager.imageConfigManager, "FetchSoftwarePackages"):
        try:
            packages = host.configManager.imageConfigManager.FetchSoftwarePackages()
            out["packages"] = [[p.name, p.version, p.acceptanceLevel, p.creationDate is not None] for p in packages]
        except vim.fault.VimFault as fault:
            out["packages"] = type(fault).__name__
        except Exception as fault:  # an older version has no such method
            out["packages"] = type(fault).__name__
    if report is not None:
        out["reliable"] = report.tpmLogReliable
        out["pcrs"] = [{"index": p.pcrNumber, "method": p.digestMethod, "value": signed(p.digestValue)} for p in report.tpmPcrValues]
        out["events"] = [event(entry) for entry in report.tpmEvents]
    return out


def reboot(service, host):
    before = host.runtime.bootTime
    task = host.RebootHost_Task(force=True)
    collector = service.content.propertyCollector
    spec = vim.PropertyFilterSpec(
        objectSet=[vim.ObjectSpec(obj=task)], propSet=[vim.PropertySpec(type=vim.Task, pathSet=["info"], all=False)]
    )
    watch = collector.CreateFilter(spec, True)
    version = None
    try:
        for _ in range(20):
            update = collector.WaitForUpdates(version)
            version = update.version
            if task.info.state in ("success", "error"):
                break
            time.sleep(0.05)
    finally:
        watch.DestroyPropertyFilter()
    return {"state": task.info.state, "name": str(task.info.descriptionId), "later": host.runtime.bootTime > before}


def main():
    args = arguments()
    try:
        service = connect(args)
    except vim.fault.InvalidLogin as fault:
        print(type(fault).__name__, fault.msg, file=sys.stderr)
        return 3
    content = service.RetrieveContent()
    view = content.viewManager.CreateContainerView(content.rootFolder, [vim.HostSystem], True)
    hosts = list(view.view)
    result = {
        "version": VmomiSupport.versionIdMap.get(service._stub.version, service._stub.version),
        "api": content.about.apiVersion,
        "user": content.sessionManager.currentSession.userName,
        "hosts": [describe(host) for host in hosts],
    }
    if args.reboot:
        result["reboot"] = reboot(service, hosts[0])
    view.DestroyView()
    Disconnect(service)
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
