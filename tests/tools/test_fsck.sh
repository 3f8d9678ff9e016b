# fsck and its repairs, on stores that were broken. $FSCK_BREAK makes them.
. "$(dirname "$0")/check.sh"
broken() {
  rm -rf store
  "$FSCK_BREAK" store "$@" || fail "no store with $*"
}

# a sound store: nothing is written
broken
before=$(sha256sum <store/meta/data.mdb)
prints ': no errors$' bough fsck --repair
json '.errors == 0 and .repaired == [] and .repairable == 0' bough fsck --repair --json
same "$(sha256sum <store/meta/data.mdb)" "$before"

ok bough init whole
ok bough -s whole import s.t "$data/a.parquet"
before=$(sha256sum <whole/meta/data.mdb)
prints ': no errors$' bough -s whole fsck --full --repair
same "$(sha256sum <whole/meta/data.mdb)" "$before"
rm whole/objects/*/*/_sg/*
bough -s whole fsck --full >out 2>err
same $? 1
holds "^'bough fsck --full --repair' can mend 1 of them$" out
prints '^repaired: segment .* its object .* is missing$' bough -s whole fsck --full --repair
prints ': no errors$' bough -s whole fsck --full

# what follows from sound records is mended, and said
broken 'count of a segment' nlink 'name missing' 'holder wrong'
bough fsck >out 2>err
same $? 1
holds ': 4 errors$' out
holds "^'bough fsck --repair' can mend 4 of them$" out
bough fsck --json >out 2>err
same "$(jq -c '[.errors, .repairable, .repaired]' out)" '[4,4,[]]'
refuses 1 "unknown branch or tag 'dev'" bough branch show sales.orders/dev
prints ': 4 repaired, no errors$' bough fsck --repair
same "$(grep -c '^repaired: ' out)" 4
holds '^repaired: snapshot .*its nlink is 3, names are 2$' out
prints ': no errors$' bough fsck
prints ': no errors$' bough fsck --repair
same "$(grep -c '^repaired: ' out)" 0
prints '^name +sales.orders/dev$' bough branch show sales.orders/dev
broken 'count lost' 'entry missing'
json '.errors == 0 and .findings == [] and (.repaired | length) == 2' bough fsck --repair --json

# what was lost stays as it is, with the reason; nothing else is let go of
broken 'block missing' 'count of a node' 'segment not listed'
bough fsck --repair >out 2>err
same $? 1
holds '^segment .* has no record \(not repaired: what is left does not say what was there\)$' out
holds '^node .* references are 1 \(not repaired: first everything else must be sound\)$' out
holds ' 1 repaired, 2 errors left$' out
holds '^what was lost is not in the records' out
before=$(sha256sum <store/meta/data.mdb)
bough fsck --repair --json >out 2>err
same $? 1
same "$(jq -c '[.errors, (.findings | length), .repaired]' out)" '[2,2,[]]'
same "$(sha256sum <store/meta/data.mdb)" "$before"

# metadata that cannot be read are not touched
broken nlink
truncate -s 100000 store/meta/data.mdb
bough fsck --repair >out 2>err
same $? 1
holds 'are damaged' err
holds '^hint: ' err

# not while another has it open
broken nlink
exec 3< <(exec python3 - store/meta/clients <<'END'
import fcntl, struct, sys, time
f = open(sys.argv[1], "r+b")
fcntl.fcntl(f, fcntl.F_OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 9, 1, 0))  # slot 9
print("held", flush=True)
time.sleep(600)
END
)
other=$!
read -r _ <&3
refuses 1 'cannot repair .* while others have it open: a process$' bough fsck --repair
refuses 1 '^hint: unmount it and end what uses it' bough fsck --repair
bough fsck >out 2>err
holds ': 1 error$' out
kill "$other"
exec 3<&-
for _ in $(seq 100); do # its lock goes with it
  bough fsck --repair >out 2>err && break
  sleep 0.1
done
holds ': 1 repaired, no errors$' out
finish
