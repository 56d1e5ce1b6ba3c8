"""Prints what pyvmomi knows about vSphere types, as JSON: for every name on standard input (one a line) the kind, the base
type, the first version, and the fields or properties with type, arrayness, optionality and first version. Names that
pyvmomi does not know are left out.
"""

import json
import sys

from pyVmomi import VmomiSupport

# Names of scalars that are texts or have another name in our table.
TEXTS = {
    "base64Binary": "binary",
    "anyURI": "string",
    "PropertyPath": "string",
    "TypeName": "string",
    "MethodName": "string",
}
OPTIONAL = VmomiSupport.F_OPTIONAL


def wsdl_name(kind):
    if issubclass(kind, list):
        return wsdl_name(kind.Item)
    if issubclass(kind, VmomiSupport.ManagedObject):
        return "moref"
    name = VmomiSupport.GetWsdlName(kind)
    return TEXTS.get(name, name)


def version(name):
    return VmomiSupport.versionIdMap.get(name, "").removeprefix("vim25/").removeprefix("vim2/")


def field(info):
    array = issubclass(info.type, list)
    kind = wsdl_name(info.type)
    if array and kind == "byte":
        kind, array = "byte[]", False
    return {
        "name": info.name,
        "type": kind,
        "array": array,
        "optional": bool(info.flags & OPTIONAL),
        "since": version(info.version),
    }


def describe(name):
    try:
        kind = VmomiSupport.GetWsdlType("urn:vim25", name)
    except KeyError:
        return None
    out = {"since": version(kind._version)}
    if issubclass(kind, VmomiSupport.Enum):
        return {**out, "kind": "enum", "values": list(kind.values)}
    out["base"] = VmomiSupport.GetWsdlName(kind.__bases__[0])
    managed = issubclass(kind, VmomiSupport.ManagedObject)
    fields = [field(info) for info in kind._GetPropertyList(includeBaseClassProps=False)]
    out.update(kind="managed" if managed else "object", fields=fields)
    if managed:
        out["methods"] = {
            info.wsdlName: {
                "since": version(info.version),
                "privilege": info.privId,
                "parameters": [field(p) for p in info.params],
                "returns": {
                    "type": wsdl_name(info.methodResult) if info.methodResult is not type(None) else "void",
                    "array": info.methodResult is not type(None) and issubclass(info.methodResult, list),
                },
            }
            for info in kind._GetMethodList()
        }
    return out


names = sys.stdin.read().split()
found = {name: describe(name) for name in names}
json.dump({name: value for name, value in found.items() if value is not None}, sys.stdout)
