#!/usr/bin/env python3
"""Every command's --json against the section JSON of its manual page: each field that is printed
is documented there, each that is documented is printed, and both keep the rules of bough(1): names
that end in bytes are numbers, snapshots are 32 digits, times are RFC 3339.
usage: test_json.py BOUGH FSCK_BREAK MAN DATA"""
import json
import os
import re
import subprocess
import sys
import tempfile

BOUGH, BREAK, MAN, DATA = (os.path.abspath(a) for a in sys.argv[1:5])
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
SNAPSHOT = re.compile(r"[0-9a-f]{32}")
TIMES = {"changed", "expires", "due", "time", "started"}  # others are times in some commands
SNAPSHOTS = {"head", "base", "snapshot", "before", "at"}
PAGES = {"tag": "branch", "umount": "mount", "version": ""}
bad = []


def page_of(command):
    name = PAGES.get(command, command)
    return f"bough-{name}" if name else "bough"


def documented(page):
    """The fields that a page's section JSON names, and the pages that it refers to."""
    with open(f"{MAN}/{page}.1", encoding="utf-8") as f:
        section = re.search(r"^\.Sh JSON\n(.*?)(?=^\.Sh )", f.read(), re.M | re.S)
    if not section:
        bad.append(f"{page}: no section JSON")
        return set(), set()
    names = set()
    for line in section[1].splitlines():
        if re.match(r"\.(It )?Va ", line):
            words = re.sub(r"^\.(It )?Va ", "", line).split(" Pq ")[0].split()
            names |= {w for w in words if re.fullmatch(r"[a-z][a-z_0-9]*", w)} - {"or", "and"}
    others = re.findall(r"\b(?:Xr bough-|Ic bough )(\w+)", section[1])
    return names, {page_of(other) for other in others}


def fields(value, found):
    """All names of objects in a value; their values are looked at by the rules."""
    if isinstance(value, list):
        for v in value:
            fields(v, found)
    elif isinstance(value, dict):
        for name, v in value.items():
            found.add(name)
            rule(name, v)
            fields(v, found)


def rule(name, v):
    if v is None:
        return
    if name.endswith("bytes") and not isinstance(v, int):
        bad.append(f"{name} is no number: {v!r}")
    if name in TIMES and not TIME.fullmatch(str(v)):
        bad.append(f"{name} is no time: {v!r}")
    if name in SNAPSHOTS and not isinstance(v, bool) and not SNAPSHOT.fullmatch(str(v)):
        bad.append(f"{name} is no snapshot: {v!r}")


class Runs:
    def __init__(self):
        self.seen, self.commands = {}, set()

    def run(self, *words, store="store", fails=False):
        r = subprocess.run([BOUGH, "-s", store, *words, "--json"], capture_output=True, text=True)
        if bool(r.returncode) != fails:
            sys.exit(f"{words}: status {r.returncode}: {r.stderr}")
        value, page = json.loads(r.stdout), page_of(words[0])
        self.commands.add(" ".join(words[:2]) if words[0] in GROUPS else words[0])
        fields(value, self.seen.setdefault(page, set()))
        return value


GROUPS = ("db", "table", "branch", "tag", "trash")


def everything(r):
    r.run("init", "store", store="")
    r.run("db", "create", "old"), r.run("db", "rename", "old", "a"), r.run("db", "show", "a")
    r.run("table", "create", "a.t"), r.run("table", "rename", "a.t", "u")
    r.run("import", "a.u", f"{DATA}/a.parquet"), r.run("import", "a.u", f"{DATA}/b.parquet")
    r.run("branch", "create", "a.u/x", "--retain", "7d"), r.run("branch", "rename", "a.u/x", "dev")
    r.run("branch", "retain", "a.u/dev", "0"), r.run("tag", "create", "a.u/w")
    r.run("tag", "rename", "a.u/w", "v"), r.run("tag", "retain", "a.u/v", "1d")
    for kind, name in (("branch", "a.u/dev"), ("tag", "a.u/v")):
        r.run(kind, "protect", name), r.run(kind, "unprotect", name), r.run(kind, "show", name)
        r.run(kind, "list"), r.run(kind, "drop", name), r.run("trash", "list")
        r.run(kind, "undrop", name)
    first = r.run("log", "a.u")[-1]["snapshot"]
    r.run("branch", "reset", "a.u/dev", first), r.run("show", f"a.u@{first}"), r.run("show", "a.u")
    r.run("db", "list"), r.run("table", "list"), r.run("table", "show", "a.u")
    r.run("stat"), r.run("stat", "a.u"), r.run("stat", "a.u/dev"), r.run("sync")
    r.run("table", "drop", "a.u"), r.run("table", "undrop", "a.u"), r.run("tag", "drop", "a.u/v")
    r.run("trash", "restore", str(r.run("trash", "list")[0]["id"])), r.run("tag", "drop", "a.u/v")
    r.run("trash", "empty", "--all"), r.run("fsck"), r.run("fsck", "--full"), r.run("version")
    r.run("db", "create", "b"), r.run("db", "drop", "b")
    subprocess.run([BREAK, "broken", "range too far"], check=True)  # and a client that is dead
    r.run("stat", store="broken"), r.run("fsck", store="broken", fails=True)
    r.run("fsck", "--repair", store="broken")


def main():
    os.environ["PATH"] = os.path.dirname(BOUGH) + ":" + os.environ["PATH"]
    runs = Runs()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        os.environ.pop("BOUGH_STORE", None)
        everything(runs)
        if os.path.exists("/dev/fuse"):
            os.mkdir("mnt")
            if not subprocess.run([BOUGH, "mount", "store", "mnt"]).returncode:
                r = subprocess.run([BOUGH, "umount", "mnt", "--json"], capture_output=True)
                fields(json.loads(r.stdout), runs.seen.setdefault("bough-mount", set()))
        os.chdir("/")
    own = {page: documented(page) for page in runs.seen}
    for page, seen in sorted(runs.seen.items()):
        names, others = own[page]
        known = names.union(*(own[o][0] for o in others if o in own))
        bad.extend(f"{page}: {n} is printed and not documented" for n in sorted(seen - known))
        bad.extend(f"{page}: {n} is documented and not printed" for n in sorted(names - seen))
    text = subprocess.run([BOUGH, "help"], capture_output=True, text=True).stdout
    listed = re.search(r"^Commands:\n(.*?)\n\n", text, re.M | re.S)[1]
    for words in (line.split() for line in listed.splitlines()):
        command = " ".join(words[:2]) if words[0] in GROUPS else words[0]
        if command not in runs.commands | {"mount", "umount", "help"}:
            bad.append(f"{command}: its --json was not run")
    print("\n".join(bad) or f"{len(runs.commands)} commands, {len(own)} pages")
    return 1 if bad else 0


sys.exit(main())
