"""Reads a JSON list of modules.yaml texts, writes what libmodulemd makes of each."""
import json
import sys

import gi

gi.require_version("Modulemd", "2.0")
from gi.repository import Modulemd


def nested(dep, modules, streams):
    return {m: sorted(streams(m)) for m in modules()}


def stream(s):
    return {
        "artifacts": sorted(s.get_rpm_artifacts()),
        "demodularized": sorted(s.get_demodularized_rpms()),
        "api": sorted(s.get_rpm_api()),
        "static": s.is_static_context(),
        "profiles": {n: sorted(s.get_profile(n).get_rpms()) for n in s.get_profile_names()},
        "requires": [{m: sorted(d.get_runtime_streams(m)) for m in d.get_runtime_modules()} for d in s.get_dependencies()],
        "buildrequires": [{m: sorted(d.get_buildtime_streams(m)) for m in d.get_buildtime_modules()} for d in s.get_dependencies()],
    }


def defaults(d):
    return {
        "stream": d.get_default_stream() or "",
        "modified": str(d.get_modified()),
        "profiles": {s: sorted(d.get_default_profiles_for_stream(s)) for s in d.get_streams_with_default_profiles()},
    }


def obsoletes(o):
    return ":".join([o.get_property("module-name"), o.get_property("module-stream"), o.get_module_context() or "",
                     str(o.get_modified()), str(o.get_eol_date()), "reset" if o.get_reset() else ""])


def read(text):
    out = {"failures": [], "streams": {}, "defaults": {}, "obsoletes": [], "resolved": {}}
    index = Modulemd.ModuleIndex.new()
    try:
        out["failures"] = [f.get_gerror().message for f in index.update_from_string(text, sys.argv[1] == "strict")[1]]
        index.upgrade_streams(Modulemd.ModuleStreamVersionEnum.TWO)
    except Exception as e:
        out["failures"].append(str(e))
    for name in index.get_module_names():
        module = index.get_module(name)
        for s in module.get_all_streams():
            out["streams"][s.get_NSVCA()] = stream(s)
            o = s.get_obsoletes_resolved()
            out["resolved"][s.get_NSVCA()] = o.get_message() if o else ""
        if module.get_defaults():
            out["defaults"][name] = defaults(module.get_defaults())
        out["obsoletes"] += [obsoletes(o) for o in module.get_obsoletes()]
    out["obsoletes"].sort()
    return out


json.dump([read(t) for t in json.load(sys.stdin)], sys.stdout)
