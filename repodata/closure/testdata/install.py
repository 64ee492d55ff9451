#!/usr/bin/python3
"""What libsolv says: which packages of a repository cannot be installed.

usage: install.py EVERY REPO[,REPO...]...

Each argument is a world of its own: directories, the first to check and the others
to supply. Only every EVERY-th package is put to the solver, beside an empty system.
Prints a JSON list with an object for each world: {"asked": n, "broken": [...]}.

The rules are rpm's, with packages of one name and different colours side by side.
Builds of one name have one EVR, whatever their colour: libsolv has this in its rules
on inferior arches ("lock-step"), which also want the better arch wherever it is at
hand; so those are switched off, and the EVR is seen to by conflicts made here.

A source package is judged by a package made here that requires its BuildRequires and
conflicts with its BuildConflicts: libsolv itself takes no notice of the latter.
"""
import collections
import glob
import json
import sys

import solv


def load(dirs):
    pool = solv.Pool()
    pool.setdisttype(solv.Pool.DISTTYPE_RPM)
    pool.setarch("x86_64")
    pool.set_flag(solv.Pool.POOL_FLAG_IMPLICITOBSOLETEUSESCOLORS, 1)
    for i, d in enumerate(dirs):
        repo = pool.add_repo(str(i))
        for typ, extend in ("primary", (None, 0)), ("filelists", ("FL", solv.Repo.REPO_EXTEND_SOLVABLES)):
            fh = solv.xfopen(glob.glob(f"{d}/repodata/*{typ}.xml*")[0])
            if not repo.add_rpmmd(fh, *extend):
                sys.exit(f"cannot read {d}: {pool.errstr}")
            fh.close()
    return pool


def lockstep(pool):
    builds = collections.defaultdict(list)
    for s in pool.solvables:
        if s.arch not in ("src", "nosrc", "noarch"):
            builds[s.name].append(s)
    for same in builds.values():
        for s in same:
            others = [o for o in same if o.arch != s.arch and o.evrcmp(s)]
            if others:
                s.add_deparray(solv.SOLVABLE_PROVIDES, pool.Dep(f"lock({s.id})"))
            for o in others:
                s.add_deparray(solv.SOLVABLE_CONFLICTS, pool.Dep(f"lock({o.id})"))


def builder(pool, source):
    """An installable package with the needs of a source package, and nothing else."""
    made = source.repo.add_solvable()
    made.name, made.evr, made.arch = f"build of {source.id}", "0-0", "noarch"
    for key in solv.SOLVABLE_REQUIRES, solv.SOLVABLE_CONFLICTS:
        for dep in source.lookup_deparray(key, 0):
            if str(dep) != "solvable:prereqmarker":
                made.add_deparray(key, dep)
    return made


def judge(pool, every):
    lockstep(pool)
    made = {s.id: builder(pool, s) for s in list(pool.solvables) if s.repo.name == "0" and s.arch in ("src", "nosrc")}
    pool.addfileprovides()
    pool.createwhatprovides()
    fine, verdict, n = set(), {"broken": [], "fine": []}, 0
    for s in list(pool.solvables):
        if s.repo.name != "0" or s.name.startswith("build of ") or not (s.id in made or s.installable()):
            continue
        n += 1
        if n % every:
            continue
        bad = False
        if s.id not in fine:
            solver = pool.Solver()
            solver.set_flag(solv.Solver.SOLVER_FLAG_IGNORE_RECOMMENDED, 1)
            solver.set_flag(solv.Solver.SOLVER_FLAG_NO_INFARCHCHECK, 1)
            wanted = made.get(s.id, s).id
            bad = bool(solver.solve([pool.Job(solv.Job.SOLVER_INSTALL | solv.Job.SOLVER_SOLVABLE, wanted)]))
            if not bad:
                fine.update(x.id for x in solver.transaction().newsolvables())
        evr = s.evr if ":" in s.evr else "0:" + s.evr
        verdict["broken" if bad else "fine"].append(f"{s.name}-{evr}.{s.arch}")
    return {k: sorted(v) for k, v in verdict.items()}


json.dump([judge(load(w.split(",")), int(sys.argv[1])) for w in sys.argv[2:]], sys.stdout)
