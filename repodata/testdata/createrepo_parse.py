"""Reads a repository with createrepo_c's own parsers and prints how many packages
each file has. Any warning is fatal. Usage: createrepo_parse.py REPOSITORY"""
import ctypes
import glob
import sys

lib = ctypes.CDLL("libcreaterepo_c.so.0")
PKG = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
WARN = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_void_p)
lib.cr_package_free.argtypes = [ctypes.c_void_p]


class GError(ctypes.Structure):
    _fields_ = [("domain", ctypes.c_uint32), ("code", ctypes.c_int), ("message", ctypes.c_char_p)]


warnings = []
count = 0


@PKG
def on_package(pkg, data, err):
    global count
    count += 1
    lib.cr_package_free(pkg)
    return 0


@WARN
def on_warning(kind, text, data, err):
    warnings.append(text.decode())
    return 0


def check(what, code, err):
    if code != 0 or err:
        sys.exit("%s: %s" % (what, err.contents.message.decode() if err else code))
    if warnings:
        sys.exit("%s: %s" % (what, "; ".join(warnings[:5])))


repo = sys.argv[1]
for typ in "primary", "filelists", "other":
    for path in glob.glob("%s/repodata/*-%s.xml*" % (repo, typ)):
        count, err = 0, ctypes.POINTER(GError)()
        parse = getattr(lib, "cr_xml_parse_" + typ)
        parse.restype = ctypes.c_int
        files = [ctypes.c_int(1)] if typ == "primary" else []
        code = parse(path.encode(), None, None, on_package, None, on_warning, None, *files, ctypes.byref(err))
        check(path, code, err)
        print(typ, count)
lib.cr_updateinfo_new.restype = ctypes.c_void_p
lib.cr_repomd_new.restype = ctypes.c_void_p
for make, parse, pattern in (
    (lib.cr_repomd_new, lib.cr_xml_parse_repomd, "repomd.xml"),
    (lib.cr_updateinfo_new, lib.cr_xml_parse_updateinfo, "*-updateinfo.xml*"),
):
    for path in glob.glob("%s/repodata/%s" % (repo, pattern)):
        err = ctypes.POINTER(GError)()
        code = parse(path.encode(), ctypes.c_void_p(make()), on_warning, None, ctypes.byref(err))
        check(path, code, err)
        print(pattern.strip("*-").split(".")[0])
