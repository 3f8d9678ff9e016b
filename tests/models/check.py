#!/usr/bin/env python3
"""Runs a model and judges it.

usage: check.py bough|export|squash|fold [-x]
Without -x: all rules on, nothing may be found. With -x: each rule off, a trace must be found.
"""
import os
import re
import subprocess
import sys

FOLD_EXCESS_MAX = 27  # segments <= blocks / 1,000 + 27, for appends


def verdicts(text):
  """(what was searched, verdict) of each search; the steps of a trace are indented."""
  for line in text.splitlines():
    found = re.match(r'(\{.*?\}[^:]*|[^\s{][^:]*?)\s*: (.*?)\s*\[\d+ states.*\]$', line)
    if found:
      yield found[1], found[2].strip()


def clean(verdict):
  return verdict == 'holds'


def traced(verdict):
  return verdict not in ('holds', 'LIMIT')


def judge_bough(text, off):
  good = traced if off else clean
  return [f'{name}: {v}' for name, v in verdicts(text) if not good(v)]


def judge_export(text, off):
  if not off:
    return [f'{name}: {v}' for name, v in verdicts(text) if not clean(v)]
  # A rule is needed if one of the histories shows it.
  shown = {}
  for name, v in verdicts(text):
    rule = name.split(' WITHOUT ')[1]
    shown[rule] = shown.get(rule, False) or traced(v)
  return [f'{rule}: no trace' for rule, found in shown.items() if not found]


def judge_squash(text, off):
  bad = []
  for name, v in verdicts(text):
    right = name == 'new id, rechecked'
    if right != off and not (clean if right else traced)(v):
      bad.append(f'{name}: {v}')
  return bad


def judge_fold(text, off):
  worst = [float(x) for x in re.findall(r'monotone: .*blocks/1000: *([-0-9.]+)', text)]
  return [f'{x} segments too many' for x in worst if x > FOLD_EXCESS_MAX]


MODELS = {
  # script, judge, how many verdicts at least without and with -x
  'bough': ('bough_model.py', judge_bough, (13, 11)),
  'export': ('export_model.py', judge_export, (3, 18)),
  'squash': ('squash_model.py', judge_squash, (3, 3)),
  'fold': ('fold.py', judge_fold, (0, 0)),
}


def main():
  if len(sys.argv) < 2 or sys.argv[1] not in MODELS or sys.argv[2:] not in ([], ['-x']):
    print(__doc__.strip(), file=sys.stderr)
    return 2
  script, judge, least = MODELS[sys.argv[1]]
  off = sys.argv[2:] == ['-x']
  here = os.path.dirname(os.path.abspath(__file__))
  run = subprocess.run([sys.executable, os.path.join(here, script), *sys.argv[2:]],
    capture_output=True, text=True)
  print(run.stdout, run.stderr)
  bad = judge(run.stdout, off)
  searched = len(list(verdicts(run.stdout)))
  if searched < least[off]:
    bad.append(f'{searched} searches, expected {least[off]}')
  if script == 'fold.py' and run.stdout.count('monotone:') < 9:
    bad.append('fewer patterns than expected')
  if run.returncode:
    bad.append(f'exit status {run.returncode}')
  for what in bad:
    print('NOT AS EXPECTED:', what)
  return 1 if bad else 0


if __name__ == '__main__':
  sys.exit(main())
