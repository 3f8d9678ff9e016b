#!/usr/bin/env python3
"""Executable specification of export, sweep and rebuild (design.md 3 "What a commit writes", 4).

One ref, versions 1..N, each commit replaces the block; retention 0. Objects of version i: block b<i>, segment g<i>, snapshot s<i>.
Two exporters (daemon, CLI); every PUT starts and lands as two steps, and may land after its process was killed.
In every state the records may be lost: rebuild() from the objects alone must give a readable state that is not older than
what the last returned `bough sync` covered, and no ref whose drop was synced. At the end no object is left over.
    python3 export_model.py [-x]
"""
import sys
from collections import namedtuple
RULES = {
 'versioned':   'a ref object is written once under a fresh name that carries its transaction; rebuild takes the highest',
 'read_after':  'an exporter reads the head after publishing its epoch, and holds the epoch until its last PUT is known to be over',
 'tombstone':   'a drop is exported too, as a version "dropped"; it outlives every older version of the ref',
 'export_first':'an object is deleted only when the export covers the transaction that condemned it',
 'top_down':    'objects die top-down: ref versions, snapshot, segment, block, each confirmed before the next',
 'late_put':    'what a dead process may still have in flight: its export epoch and ranges are given up only a grace after its death was seen',
}
N = 2
S = namedtuple('S', 'tx head hist cond objs synced exp gc bud')   # head: version, 0 = dropped; hist: {tx: head}; cond: {version: tx}
# exp: per exporter (pc, head, tx, inflight, epoch, alive); objs: names, ref versions as ('r', tx, head)
INF = 99
def names(i): return [f's{i}', f'g{i}', f'b{i}']

def rebuild(o, R):
    v = [x for x in o if x[0] == 'r']
    if not v: return None
    r = max(v, key=lambda x: x[1]) if 'versioned' in R else max(v, key=lambda x: x[3])
    return r
def bad(s, R):
    r = rebuild(s.objs, R)
    if s.head and f'b{s.head}' not in s.objs: return f'LIVE BLOCK b{s.head} DELETED'
    if r is None: return 'rebuild finds no ref at all' if s.synced >= 0 and dict(s.hist)[s.synced] else None
    h = r[2]
    if h == 0: 
        return None
    if s.synced >= 0 and r[1] < s.synced and dict(s.hist)[s.synced] != h: 
        return f'rebuild gives version {h} of tx {r[1]}, but sync had returned for tx {s.synced}' + (' (a dropped ref comes back)' if not dict(s.hist)[s.synced] else '')
    while h:                                               # the head, then its history as far as snapshot objects are found
        miss = [x for x in names(h) if x not in s.objs]
        if miss: return f'rebuild reads version {h}, but {miss} are gone'
        h = h-1 if f's{h-1}' in s.objs else 0
def leak(s, R):
    live = set(names(s.head)) if s.head else set()
    o = set(x for x in s.objs if x[0] != 'r')
    if o - live: return f'left for ever: {sorted(o - live)}'
    if len([x for x in s.objs if x[0] == 'r']) > (1 if s.head else 0): return 'old ref versions left'

def emin(s, R):
    if 'read_after' not in R: return INF
    return min([e[4] for e in s.exp if e[4] is not None] + [INF])
def steps(s, R):
    b = dict(s.bud)
    def spend(k): x = dict(b); x[k] -= 1; return tuple(sorted(x.items()))
    if b['commit'] and s.head:
        i = s.head+1
        yield f'commit version {i} (tx {s.tx+1}); {s.head} condemned', s._replace(tx=s.tx+1, head=i, hist=s.hist+((s.tx+1, i),), cond=s.cond+((s.head, s.tx+1),), objs=s.objs | {f'b{i}'}, bud=spend('commit'))
    if b['drop'] and s.head:
        yield f'drop, trash over (tx {s.tx+1}); {s.head} condemned', s._replace(tx=s.tx+1, head=0, hist=s.hist+((s.tx+1, 0),), cond=s.cond+((s.head, s.tx+1),), bud=spend('drop'))
    for k, (pc, h, t, fl, ep, al) in enumerate(s.exp):
        def ex(**kw):
            d = dict(pc=pc, h=h, t=t, fl=fl, ep=ep, al=al); d.update(kw); l = list(s.exp); l[k] = (d['pc'], d['h'], d['t'], d['fl'], d['ep'], d['al']); return tuple(l)
        n = 'exporter ' + 'AB'[k]
        if fl:
            put = fl if fl[0] != 'r' or 'versioned' in R else fl + (1 + max([x[3] for x in s.objs if x[0] == 'r'] + [0]),)
            o = s.objs if (fl[0] == 'r' and 'versioned' not in R) is False else frozenset(x for x in s.objs if x[0] != 'r')
            yield f'{n}: PUT {fl} lands' + ('' if al else ' (late, the process is dead)'), s._replace(objs=frozenset(o) | {put}, exp=ex(fl=None))
            if not al: yield f'{n}: its PUT never lands', s._replace(exp=ex(fl=None))
        if not al:
            if ep is not None and ('late_put' not in R or not fl): yield f'{n}: its death is seen{" and grace is over" if "late_put" in R else ""}, epoch dropped', s._replace(exp=ex(ep=None))
            continue
        if b['crash'] and pc: yield f'{n}: kill -9', s._replace(exp=ex(al=False), bud=spend('crash'))
        if pc == 0 and s.tx > s.synced and b['ticks']: yield f'{n}: publishes epoch {s.tx}', s._replace(exp=ex(pc=1, ep=s.tx), bud=spend('ticks'))
        if pc == 1:
            if s.head: yield f'{n}: reads head {s.head} at tx {s.tx}', s._replace(exp=ex(pc=2, h=s.head, t=s.tx))
            elif 'tombstone' in R: yield f'{n}: reads "dropped" at tx {s.tx}', s._replace(exp=ex(pc=4, h=0, t=s.tx))
            else: yield f'{n}: ref is gone, nothing to do; sync returns', s._replace(exp=ex(pc=0, ep=None), synced=s.tx)
        if fl is None:
            if pc == 2: yield f'{n}: starts PUT g{h}', s._replace(exp=ex(pc=3, fl=f'g{h}'))
            if pc == 3: yield f'{n}: starts PUT s{h}', s._replace(exp=ex(pc=4, fl=f's{h}'))
            if pc == 4: yield f'{n}: starts PUT ref object (tx {t}, head {h})', s._replace(exp=ex(pc=5, fl=('r', t, h)))
            if pc == 5: yield f'{n}: export done, sync returns for tx {t}', s._replace(synced=max(s.synced, t), exp=ex(pc=0, ep=None))
    # sweep of condemned versions, one DELETE at a time
    for v, c in s.cond:
        if 'read_after' in R and emin(s, R) < c: continue
        if 'export_first' in R and s.synced < c: continue
        todo = [x for x in (names(v) if 'top_down' in R else names(v)[::-1]) if x in s.objs]
        if todo: yield f'gc: DELETE {todo[0]}', s._replace(objs=s.objs - {todo[0]})
        else: yield f'gc: forgets version {v}', s._replace(cond=tuple(x for x in s.cond if x[0] != v))
    rv = sorted(x for x in s.objs if x[0] == 'r')          # older ref versions; the tombstone last of all, when nothing older can come
    newest = rebuild(s.objs, R)
    for x in rv:
        if x != newest and x[1] < s.synced and ('read_after' not in R or emin(s, R) > x[1]): yield f'gc: DELETE ref version of tx {x[1]}', s._replace(objs=s.objs - {x})
    if newest and newest[2] == 0 and len(rv) == 1 and s.synced >= newest[1] and ('read_after' not in R or emin(s, R) > newest[1]) and not s.cond:
        yield 'gc: DELETE the tombstone', s._replace(objs=s.objs - {newest})
    if 'tombstone' not in R and not s.head:                # without tombstones: a drop deletes the ref object
        for x in rv:
            if s.synced >= s.hist[-1][0] or 'export_first' not in R: yield f'gc: DELETE ref object (tx {x[1]})', s._replace(objs=s.objs - {x})

def explore(s0, R, limit=1_500_000):
    ids, st, par, pred, ends = {s0: 0}, [s0], [None], [[]], []
    def tr(i, m):
        t = []
        while par[i]: t.append(par[i][0]); i = par[i][1]
        return m, t[::-1], len(st)
    i = 0
    while i < len(st):
        s = st[i]; moved = False
        for lab, n in steps(s, R):
            j = ids.get(n)
            if j is None:
                j = ids[n] = len(st); st.append(n); par.append((lab, i)); pred.append([]); m = bad(n, R)
                if m: return tr(j, m)
            if j != i: moved = True; pred[j].append(i)
        if not moved:
            m = leak(s, R) if s.synced >= s.hist[-1][0] else None
            if m: return tr(i, m)
        if len(st) > limit: return 'LIMIT', [], len(st)
        i += 1
    return None, 0, len(st)

def main():
    off = '-x' in sys.argv; fail = 0
    e = (0, 0, 0, None, None, True)
    s0 = S(1, 1, ((1, 1),), (), frozenset(['b1', 'g1', 's1', ('r', 1, 1, 1)]), 1, (e, e), 0, ())
    for bud in ({'commit': 1, 'drop': 1, 'crash': 1, 'ticks': 3}, {'commit': 2, 'drop': 1, 'crash': 0, 'ticks': 3}, {'commit': 2, 'drop': 0, 'crash': 1, 'ticks': 3}):
        for rule in (RULES if off else [None]):
            R = set(RULES) - {rule}
            s = s0._replace(bud=tuple(sorted(bud.items())), objs=s0.objs if 'versioned' not in R else frozenset(['b1', 'g1', 's1', ('r', 1, 1)]))
            m, t, n = explore(s, R)
            print(f'{bud}{" WITHOUT " + rule if rule else ""}: ' + (f'{m} [{n} states]' if m else f'holds [{n} states]'), flush=True)
            if m:
                for i, x in enumerate(t): print(f'   {i+1:2} {x}')
            fail |= bool(m) and not off
    return fail
if __name__ == '__main__': sys.exit(main())
