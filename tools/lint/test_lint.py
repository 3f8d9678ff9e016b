#!/usr/bin/env python3
"""Proves that lint.py finds what it is there for: one small tree with one sin of each kind."""
import os
import subprocess
import sys
import tempfile

LINT = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lint.py')
BODY = '{\n' + '\tx();\n' * 80 + '}\n'
HERE = '/' + 'work'

# file, content, words of the finding (None: must be clean)
SINS = [
  ('meta/long.c', '\n' * 601, 'file of 601 lines'),
  ('meta/function.c', 'void f(void)\n' + BODY, 'function.c:1: function of 83 lines'),
  ('meta/columns.c', '\t' * 12 + '/* x */\n', '103 columns'),
  ('meta/arrow.c', '#include "objstore/objstore.h"\n', 'meta must not include objstore'),
  ('objstore/arrow.c', '#include "meta/kv.h"\n', 'objstore must not include meta'),
  ('fs/arrow.c', '#include "gc/fsck.h"\n', 'fs must not include gc'),
  ('gc/arrow.c', '#include "fs/inode.h"\n', 'gc must not include fs'),
  ('refs/door.c', '#include <msgpack.h>\n', 'MessagePack is known only'),
  ('fs/door.c', '#include <zstd.h>\n', 'zstd is known only'),
  ('fs/tree.c', '#include <fuse3/fuse.h>\n', 'FUSE is known only'),
  ('refs/lmdb.c', '#include <lmdb.h>\n', 'LMDB is known only'),
  ('objstore/dir.c', '#include <openssl/evp.h>\n', 'OpenSSL is known only'),
  ('tools/cmd.c', '#include <duckdb.h>\n', 'DuckDB is known only'),
  ('refs/private.c', '#include "meta/kv_impl.h"\n', 'private to its folder'),
  ('refs/near.c', '#include "ref.h"\n', 'not written from the root'),
  ('refs/tests.c', '#include "tests/x.h"\n', 'which no folder owns'),
  ('refs/once.h', '\n', 'no #pragma once'),
  ('refs/comment.c', '// x\n', 'comment with //'),
  ('refs/durable.c', '\tr = rename(a, b);\n', 'struct io is there for'),
  ('fs/create.c', '\tfd = open(path, O_RDWR | O_CREAT, 0644);\n', 'struct io is there for'),
  ('gc/write.c', '\tf = fopen(path, "we");\n', 'struct io is there for'),
  ('refs/end.c', 'int x;', 'no line break'),
  ('refs/path.md', f'see {HERE}/x\n', 'a path of one machine'),
  ('meta/lmdb.c', '#include <lmdb.h>\n#include "meta/kv_impl.h"\n', None),
  ('meta/codec_x.c', '#include <zstd.h>\n#include <msgpack.h>\n', None),
  ('refs/copy.c', '\tn = copy_file_range(from, NULL, to, NULL, len, 0);\n', 'struct io is there'),
  ('refs/append.c', '\tif (pwrite(fd, p, n, at) < 0)\n', 'struct io is there for'),
  ('gc/fsck_child.c', '\tn = write(out, p, len);\n', None),
  ('fs/guard.c', '\tr = fsync(out);\n', 'struct io is there for'),
  ('refs/through.c', '\tr = io->fsync(io, fd);\n\tf = fopen(path, "re");\n', None),
  ('meta/wake.c', '\tfd = open(path, O_RDWR | O_CREAT, 0644);\n', None),
  ('tests/x.c', '#include "meta/kv_impl.h"\n#include <zstd.h>\n', None),
  ('tools/url.md', 'the framework/' + 'work/x and net' + HERE + '\n', None),
]
ALSO = ['objstore/objstore.h', 'meta/kv.h', 'gc/fsck.h', 'fs/inode.h', 'meta/kv_impl.h',
  'tests/x.h']


def main():
  failed = 0
  with tempfile.TemporaryDirectory() as root:
    for name, content in [(f, c) for f, c, _ in SINS] + [(f, '#pragma once\n') for f in ALSO]:
      path = os.path.join(root, name)
      os.makedirs(os.path.dirname(path), exist_ok=True)
      with open(path, 'w', encoding='utf-8') as f:
        f.write(content)
    run = subprocess.run([sys.executable, LINT, root], capture_output=True, text=True)
  lines = run.stdout.splitlines()
  for name, _, words in SINS:
    mine = [line for line in lines if line.startswith(name + ':')
      and 'clang-format' not in line]
    if (words and not any(words in line for line in mine)) or (not words and mine):
      print(f'{name}: expected {words}, got {mine}')
      failed += 1
  if run.returncode != 1:
    print(f'exit status {run.returncode}, expected 1')
    failed += 1
  return 1 if failed else 0


if __name__ == '__main__':
  sys.exit(main())
