#!/usr/bin/env python3
"""man.py: what the manual pages say of each other: every page named is there, SEE ALSO has all that
the text names, in order; bough(1) and meson.build know every page. Where groff is installed it must
find nothing to warn of.
usage: man.py [FOLDER]"""
import pathlib
import re
import shutil
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
MAN = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else TOP / "tools/man"
ALIASES = {("bough-tag", "1"), ("bough-umount", "1")}
OTHERS = {("close", "2"), ("df", "1"), ("du", "1"), ("fsync", "2"), ("mount.fuse3", "8"),
          ("mv", "1")}


def references(text):
    return re.findall(r"^\.(?:.* )?Xr (\S+) (\d)", text, re.M)


def check(page, pages):
    name, section = page.stem, page.suffix[1:]
    text = page.read_text()
    body, _, also = text.partition("\n.Sh SEE ALSO\n")
    also = references(also)
    if f"\n.Dt {name.upper()} {section}\n" not in text:
        yield f".Dt is not {name.upper()} {section}"
    if not also:
        yield "no SEE ALSO"
    for other in references(text):
        if other not in pages | ALIASES | OTHERS:
            yield "there is no %s(%s)" % other
        if other == (name, section):
            yield "refers to itself"
    if also != sorted(set(also), key=lambda o: (o[1], o[0])):
        yield "SEE ALSO is out of order: by section, then by name"
    if name == "bough":
        for other in sorted(pages - set(references(text)) - {("bough", "1")}):
            yield "does not name %s(%s)" % other
    else:
        for other in sorted(({("bough", "1")} | set(references(body))) & pages - set(also)):
            yield "SEE ALSO lacks %s(%s)" % other


def warnings(page):
    """Also of what mdoc itself complains of, on standard error."""
    command = ["groff", "-ww", "-mdoc", "-Tutf8", "-z", page]
    return subprocess.run(command, capture_output=True, text=True).stderr.splitlines()


def main():
    files = sorted(MAN.glob("*.[1-9]"))
    pages = {(f.stem, f.suffix[1:]) for f in files}
    installed = (TOP / "tools/meson.build").read_text()
    found = []
    for f in files:
        found += [f"{f.name}: {problem}" for problem in check(f, pages)]
        if f"'man/{f.name}'" not in installed:
            found.append(f"{f.name}: tools/meson.build does not install it")
        if shutil.which("groff"):
            found += warnings(f)
    print("\n".join(found) or f"{len(files)} pages")
    sys.exit(bool(found) or not files)


main()
