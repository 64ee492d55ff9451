#!/usr/bin/python3
"""What libsolv says: which requirements of a repository nothing provides.

usage: closure.py PRIMARY FILELISTS PRIMARY FILELISTS...

The first pair is the repository to check, the others supply. Prints one JSON
object: package -> requirements, sorted. Plain requirements are asked of
pool.whatprovides. A rich one is put to the solver: can the package be installed
when it requires nothing but this, when no other package requires, conflicts with
or obsoletes anything, and when several versions of a name may stand side by side.
"""
import json
import sys

import solv

pool = solv.Pool()
pool.setdisttype(solv.Pool.DISTTYPE_RPM)
pool.setarch("x86_64")
files = sys.argv[1:]
for i in range(0, len(files), 2):
    repo = pool.add_repo(str(i))
    for path, *extend in (files[i], None, 0), (files[i + 1], "FL", solv.Repo.REPO_EXTEND_SOLVABLES):
        fh = solv.xfopen(path)
        if not repo.add_rpmmd(fh, *extend):
            sys.exit(f"cannot read {path}: {pool.errstr}")
        fh.close()
pool.addfileprovides()
pool.createwhatprovides()

broken, rich, known = {}, [], {}
for s in pool.solvables:
    requires = s.lookup_deparray(solv.SOLVABLE_REQUIRES, 0)  # with the pre="1" ones
    if s.repo.name == "0":
        for dep in requires:
            text = str(dep)
            if text.startswith("("):
                rich.append((s, dep))
            elif text != "solvable:prereqmarker":
                if text not in known:
                    known[text] = bool(pool.whatprovides(dep))
                if not known[text]:
                    broken.setdefault(s.id, set()).add(text)
    for key in solv.SOLVABLE_REQUIRES, solv.SOLVABLE_CONFLICTS, solv.SOLVABLE_OBSOLETES:
        s.unset(key)

many = pool.Job(solv.Job.SOLVER_MULTIVERSION | solv.Job.SOLVER_SOLVABLE_ALL, 0)
for s, dep in rich:
    s.add_deparray(solv.SOLVABLE_REQUIRES, dep)
    install = pool.Job(solv.Job.SOLVER_INSTALL | solv.Job.SOLVER_SOLVABLE, s.id)
    solver = pool.Solver()  # a used one may remember the package's earlier requirement
    solver.set_flag(solv.Solver.SOLVER_FLAG_IGNORE_RECOMMENDED, 1)
    if solver.solve([many, install]):
        broken.setdefault(s.id, set()).add(str(dep))
    s.unset(solv.SOLVABLE_REQUIRES)

result = {}
for i, requirements in broken.items():
    s = pool.id2solvable(i)
    evr = s.evr if ":" in s.evr else "0:" + s.evr
    result.setdefault(f"{s.name}-{evr}.{s.arch}", set()).update(requirements)
json.dump({"rich": len(rich), "broken": {k: sorted(v) for k, v in result.items()}}, sys.stdout)
