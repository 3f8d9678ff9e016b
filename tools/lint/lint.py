#!/usr/bin/env python3
"""Checks what CONTRIBUTING.md calls "checked by CI": sizes, format, arrows, doors, private words.

usage: lint.py [ROOT]        exit status 0 clean, 1 findings (one a line, FILE:LINE: what), 2 usage
"""
import fnmatch
import os
import re
import shutil
import subprocess
import sys

FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 600
TABLE_LINES_MAX = 1000
COLUMNS_MAX = 100
TAB = 8
CLANG_FORMAT = 14  # others format a little differently

# Files that a table or a grammar makes long: up to TABLE_LINES_MAX lines, with the reason.
LONG_FILES = {
  'tests/gc/breaks.c': 'a table of damages, each with the few lines that do it',
}

# Kept as they were published; the format of a page of states is their own.
OTHER_STYLE = ['tests/models/*_model.py', 'tests/models/fold.py']

# Which folders a folder may include, besides itself and the words in objstore/base.
ARROWS = {
  'objstore/base': [],
  'objstore': [],
  'meta': [],
  'refs': ['meta', 'objstore'],
  'gc': ['refs', 'meta', 'objstore'],
  'fs': ['refs', 'meta', 'objstore'],
  'tools': ['fs', 'gc', 'refs', 'meta', 'objstore'],
}
BASE = 'objstore/base'

# One door per library: the files that may include it. A door's own header may too.
CODECS = ['meta/codec_*', 'meta/schema*', 'meta/stats*']
DOORS = [
  ('LMDB', r'lmdb\.h$', ['meta/lmdb*']),
  ('curl', r'curl/', ['objstore/s3_http.*']),
  ('OpenSSL', r'openssl/', ['objstore/base/hash.*', 'objstore/s3_sign.*']),
  ('zstd', r'zstd(_errors)?\.h$', CODECS),
  ('MessagePack', r'msgpack', CODECS),
  ('FUSE', r'(fuse|linux/fuse)',
    ['fs/ops*', 'fs/op_*', 'fs/mount.*', 'fs/passthrough.*']),
  ('DuckDB', r'duckdb', ['tools/reader/*', 'tools/sql/*']),
]

# What must survive a power cut goes through struct io (or LMDB), where tests can fail it. Who calls
# the system all the same, and why nothing is lost by it: objstore/base/README.md.
DURABLE = re.compile(r'(?<![\w>.])(fsync|fdatasync|syncfs|sync|rename|renameat|renameat2|'
  r'link|linkat|symlink|symlinkat|unlink|unlinkat|mkdir|mkdirat|rmdir|truncate|ftruncate|creat|'
  r'mkstemp|mkdtemp)\(|\bO_CREAT\b|\bfopen\([^;]*"[wa]')
DURABLE_DOORS = ['fs/spool_dir.c', 'objstore/base/io.*', 'objstore/base/log.*', 'objstore/dir.c',
  'objstore/mem.c', 'meta/lmdb_env.c', 'meta/wake.c', 'tools/reader/*']
# Bytes too: who writes to a pipe or a device, which no power cut asks about.
WRITES = re.compile(r'(?<![\w>.])(write|pwrite|pwrite64|writev|pwritev|pwritev2|fallocate|'
  r'posix_fallocate|copy_file_range|sendfile|sendfile64|msync)\(|\bFICLONE|\bO_TMPFILE\b')
WRITE_DOORS = ['fs/boughfs.c', 'fs/guard.c', 'fs/mount.c', 'fs/passthrough.c', 'gc/fsck_child.c']

# Paths of one machine have no place in the repository. (In pieces, so as not to find itself.)
PRIVATE = re.compile(r'(?<![\w.$}*-])/(' + 'wor' + 'k|' + 'roo' + r't)(?=[/\s"\'`:;,)]|$)')

BEFORE_FUNCTION = re.compile(r'([;}]|\*/)\s*$|^#')
INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')
TEXT = ('.c', '.h', '.py', '.sh', '.md', '.build', '.txt', '.json', '.in', '.1', '.5', '.7')


def files_below(root):
  for folder, names, files in os.walk(root):
    names[:] = sorted(n for n in names if n not in ('.git', '__pycache__')
      and not os.path.isdir(os.path.join(folder, n, 'meson-private')))
    for name in sorted(files):
      path = os.path.join(folder, name)
      if name != '.git' and not os.path.islink(path):
        yield os.path.relpath(path, root)


def room_of(path):
  """The folder of ARROWS that holds a path, or None: tests may include everything."""
  folder = os.path.dirname(path)
  while folder and folder not in ARROWS:
    folder = os.path.dirname(folder)
  return folder or None


def matches(path, patterns):
  return any(fnmatch.fnmatch(path, p) for p in patterns)


def check_columns(lines):
  for n, line in enumerate(lines, 1):
    if len(line.expandtabs(TAB)) > COLUMNS_MAX:
      yield n, f'{len(line.expandtabs(TAB))} columns, at most {COLUMNS_MAX}'


def check_length(path, lines):
  limit = TABLE_LINES_MAX if path in LONG_FILES else FILE_LINES_MAX
  if len(lines) > limit:
    yield 1, f'file of {len(lines)} lines, at most {limit}'


def signature_start(lines, brace):
  """The first line of the declaration whose body's '{' is lines[brace]."""
  start = brace
  while start and lines[start - 1].strip() and not BEFORE_FUNCTION.search(lines[start - 1]):
    start -= 1
  return start


def check_functions(path, lines):
  start = None
  for n, line in enumerate(lines):
    if line == '{':
      start = signature_start(lines, n)
    elif line == '}' and start is not None:
      if n - start + 1 > FUNCTION_LINES_MAX:
        yield start + 1, f'function of {n - start + 1} lines, at most {FUNCTION_LINES_MAX}'
      start = None


def check_include(root, path, quoted, target):
  room = room_of(path)
  if quoted:
    if not os.path.exists(os.path.join(root, target)):
      yield f'"{target}" is not written from the root'
      return
    to = room_of(target)
    if room and not to:
      yield f'{room} includes "{target}", which no folder owns'
    elif room and to not in (room, BASE, *ARROWS[room]):
      yield f'{room} must not include {to} ("{target}")'
    if room and target.endswith('_impl.h') and os.path.dirname(target) != os.path.dirname(path):
      yield f'"{target}" is private to its folder'
  for library, pattern, doors in DOORS:
    if room and not quoted and re.match(pattern, target) and not matches(path, doors):
      yield f'{library} is known only to {", ".join(doors)}'


def check_c(root, path, lines):
  yield from check_functions(path, lines)
  if path.endswith('.h') and '#pragma once' not in lines:
    yield 1, 'no #pragma once'
  for n, line in enumerate(lines, 1):
    include = INCLUDE.match(line)
    if include:
      for what in check_include(root, path, include[1] == '"', include[2]):
        yield n, what
    if room_of(path) and not matches(path, DURABLE_DOORS) and (DURABLE.search(line) or
        WRITES.search(line) and not matches(path, WRITE_DOORS)):
      yield n, 'a call that struct io is there for (objstore/base/io.h)'
    if re.match(r'\s*//', line):
      yield n, 'a comment with //'


def check_private(lines):
  for n, line in enumerate(lines, 1):
    if PRIVATE.search(line):
      yield n, 'a path of one machine'


def check_text(root, path):
  with open(os.path.join(root, path), encoding='utf-8', errors='replace') as f:
    text = f.read()
  lines = text.split('\n')
  if lines and not lines[-1]:
    lines.pop()
  elif text:
    yield len(lines), 'no line break at the end'
  yield from check_private(lines)
  if path.endswith(('.c', '.h', '.py')) and not matches(path, OTHER_STYLE):
    yield from check_columns(lines)
  if path.endswith(('.c', '.h', '.py', '.sh')):
    yield from check_length(path, lines)
  if path.endswith(('.c', '.h')):
    yield from check_c(root, path, lines)


def clang_format_version():
  if not shutil.which('clang-format'):
    return None
  words = subprocess.run(['clang-format', '--version'], capture_output=True, text=True).stdout
  found = re.search(r'version (\d+)', words)
  return int(found[1]) if found else None


def check_format(root, paths):
  if clang_format_version() != CLANG_FORMAT:
    print(f'lint: format not checked: it takes clang-format {CLANG_FORMAT}', file=sys.stderr)
    return
  run = subprocess.run(['clang-format', '--dry-run', '--ferror-limit=1', *paths], cwd=root,
    capture_output=True, text=True)
  for line in run.stderr.splitlines():
    found = re.match(r'([^:]+):(\d+):\d+: warning: code should be clang-formatted', line)
    if found:
      yield found[1], int(found[2]), 'not as clang-format -i would have it'
  if run.returncode:
    yield '.clang-format', 1, f'clang-format failed: {run.stderr.strip()}'


def main():
  if len(sys.argv) > 2:
    print(__doc__.strip(), file=sys.stderr)
    return 2
  here = os.path.dirname(os.path.abspath(__file__))
  root = sys.argv[1] if len(sys.argv) == 2 else os.path.dirname(os.path.dirname(here))
  paths = [p for p in files_below(root) if p.endswith(TEXT) or '/.' in '/' + p]
  found = [(p, n, what) for p in paths for n, what in check_text(root, p)]
  found += [(p, 1, 'in LONG_FILES, but not there') for p in LONG_FILES if p not in paths]
  found += check_format(root, [p for p in paths if p.endswith(('.c', '.h'))])
  for path, line, what in found:
    print(f'{path}:{line}: {what}')
  print(f'lint: {len(paths)} files, {len(found)} findings', file=sys.stderr)
  return 1 if found else 0


if __name__ == '__main__':
  sys.exit(main())
