# Databases, tables, branches and tags, without data: each command, its JSON, its refusals.
. "$(dirname "$0")/check.sh"
time='^20[0-9-]+T[0-9:]+\\.[0-9]{6}Z$'

prints "made an empty store in store" bough init store
refuses 1 "store already" bough init store
json '.store == "other"' bough init other --json
mkdir full && touch full/file
refuses 1 "not empty" bough init full

# databases
prints '^created database sales$' bough db create sales
json '.created == "\"my.db\"" and (.id | type == "number")' bough db create my.db --json
refuses 1 "exists" bough db create sales
refuses 1 "cannot name a database" bough db create ''
prints '^NAME +TABLES +CREATED +CHANGED$' bough db list
json 'length == 2 and .[0].name == "sales" and .[0].tables == 0' bough db list --json
json "all(.[]; .created | test(\"$time\"))" bough --json db list
json '.name == "sales"' bough db show sales --json
json '.name == "sales"' bough db show SALES --json
prints '^name +"my.db"$' bough db show '"my.db"'
refuses 1 "^hint: did you mean 'sales'" bough db show sale
refuses 1 "unknown database 'zzzzzzz'" bough db drop zzzzzzz
prints 'renamed database "my.db" to other' bough db rename my.db other
refuses 1 "exists" bough db rename other sales
json '.renamed == "third" and .from == "other"' bough db rename other third --json
prints 'dropped database third; it was empty' bough db drop third
refuses 1 "unknown database" bough db drop third
json 'length == 1' bough db list --json

# tables
prints '^created table sales.orders' bough table create sales.orders
refuses 1 "exists" bough table create sales.orders
refuses 1 "^hint: did you mean 'sales'" bough table create sals.orders
json '.created == "sales.\"t/x\""' bough table create 'sales."t/x"' --json
ok bough table create sales.items
json 'length == 3 and .[1].table == "t/x" and .[1].rows == 0' bough table list --json
json 'length == 3' bough table list sales --json
refuses 1 "did you mean 'sales'" bough table list sale
json '.refs[0].type == "main" and .schema == []' bough table show sales.orders --json
prints '^name +sales.orders$' bough table show sales.orders
refuses 1 "^hint: did you mean 'orders'" bough table show sales.order
refuses 1 "not empty|holds|table" bough db drop sales
ok bough db create archive
prints 'renamed table sales.items to archive.old' bough table rename sales.items archive.old
json '.renamed == "archive.new"' bough table rename archive.old new --json
refuses 1 "exists" bough table rename 'sales."t/x"' orders
prints '^  bough table undrop archive.new$' bough table drop archive.new
json '.dropped == "sales.\"t/x\"" and .refs == 0' bough table drop 'sales."t/x"' --json

# branches
prints '^created branch sales.orders/dev: there is no data' bough branch create sales.orders/dev
refuses 1 "exists" bough branch create sales.orders/dev
refuses 1 "cannot name" bough branch create sales.orders/-x
refuses 1 "cannot name" bough branch create sales.orders/HEAD
refuses 1 "cannot name" bough branch create sales.orders/a..b
refuses 1 "cannot name" bough branch create sales.orders/x.lock
refuses 1 "cannot name" bough branch rename sales.orders/dev 'a b'
json '.created == "sales.orders/fix" and .head == null and .rows == 0' \
  bough branch create sales.orders/fix --from dev --retain 2h --json
refuses 1 "^hint: did you mean 'dev'" bough branch create sales.orders/x --from deb
json 'length == 2 and .[1].base_ref == "dev" and .[1].expired == false' bough branch list --json
json '(.[1].expires | fromdateiso8601?) // (.[1].expires | test("Z$"))' bough branch list --json
json '.[0].expires == null and .[0].type == "branch"' bough branch list sales.orders --json
refuses 1 "unknown table" bough branch list sales.nothing
prints '^databend +not attachable: there is no data' bough branch show sales.orders/dev
json '.databend.attachable == false and .snapshots == 0' bough branch show sales.orders/dev --json
refuses 1 "^hint: did you mean 'dev'" bough branch show sales.orders/dew
refuses 1 "unknown branch or tag" bough branch show sales.orders/zzzzzz
refuses 1 "no data" bough tag create sales.orders/v1
json 'length == 0' bough tag list --json
prints '^NAME ' bough tag list sales.orders

# protected
prints 'is protected$' bough branch protect sales.orders/dev
json '.protected == true' bough branch show sales.orders/dev --json
refuses 1 "protected" bough branch drop sales.orders/dev
refuses 1 "protected" bough branch rename sales.orders/dev x
refuses 1 "protected" bough table drop sales.orders
json '.unprotected == "sales.orders/dev"' bough branch unprotect sales.orders/dev --json

# expiry, set later
json '.retained == "sales.orders/dev" and .expires != null' bough branch retain sales.orders/dev 2h --json
json '.expires != null and .expired == false' bough branch show sales.orders/dev --json
prints 'branch sales.orders/dev never expires$' bough branch retain sales.orders/dev 0
json '.expires == null' bough branch show sales.orders/dev --json
refuses 1 "cannot name" bough branch create sales.orders/main
refuses 1 "cannot rename main" bough branch rename sales.orders/main x
refuses 1 "main never expires" bough branch retain sales.orders/main 2h
refuses 1 "is a branch, not a tag" bough tag retain sales.orders/dev 2h

# rename, drop
prints 'renamed branch sales.orders/dev to sales.orders/dev2' bough branch rename sales.orders/dev dev2
ok bough branch rename sales.orders/dev2 sales.orders/dev3
refuses 1 "exists" bough branch rename sales.orders/dev3 fix
prints '^  bough branch undrop sales.orders/dev3$' bough branch drop sales.orders/dev3
json '.dropped == "sales.orders/fix" and .restore == "bough branch undrop sales.orders/fix"' bough branch drop sales.orders/fix --json
refuses 1 "unknown branch or tag" bough branch drop sales.orders/fix
refuses 1 "^hint: 'bough table drop'" bough branch drop sales.orders/main

# undrop: the newest of a name, or one by its number
refuses 1 "has no branch or tag 'none'" bough branch undrop sales.orders/none
refuses 1 "has no table 'none'" bough table undrop sales.none
json 'length == 4 and all(.[]; .due > .dropped)' bough trash list --json
json '[.[].type] == ["table", "table", "branch", "branch"]' bough trash list --json
prints '^ID +NAME +TYPE' bough trash list
ok bough branch undrop sales.orders/fix
json '.head == null and .base_ref == null and .expires != null' bough branch show sales.orders/fix --json
ok bough branch create sales.orders/dev3
refuses 1 "exists already" bough branch undrop sales.orders/dev3
refuses 1 '^hint: choose another name' bough db create sales
refuses 1 "^hint: --as gives" bough branch undrop sales.orders/dev3
json '.restored == "sales.orders/dev4" and .type == "branch"' \
  bough branch undrop sales.orders/dev3 --as dev4 --json
ok bough branch drop sales.orders/dev3
ok bough branch create sales.orders/dev3 --retain 1h
ok bough branch drop sales.orders/dev3
first=$(bough trash list --json | jq '.[-2].id')
refuses 1 "is another: 'old'|is another: 'new'" bough branch undrop sales.orders/dev3 --id "$(bough trash list --json | jq '.[0].id')"
refuses 1 "'dev3' was a branch" bough tag undrop sales.orders/dev3
refuses 1 "cannot name" bough branch undrop sales.orders/dev3 --as main
ok bough branch undrop sales.orders/dev3 --id "$first"
json '.expires == null' bough branch show sales.orders/dev3 --json
refuses 1 "has no entry $first" bough trash restore "$first"
json '.restored == "sales.orders/dev5"' bough trash restore "$(bough trash list --json | jq '.[-1].id')" --as dev5 --json

# tables come back with their refs; their database may be gone
json '.refs == 4' bough table drop sales.orders --json
refuses 1 "unknown table" bough branch list sales.orders
refuses 1 "unknown table" bough branch undrop sales.orders/dev3
ok bough table undrop sales.orders --as archive.orders
json 'length == 4' bough branch list archive.orders --json
ok bough table rename archive.orders sales.orders
ok bough db drop archive
new=$(bough trash list --json | jq '.[] | select(.name == "archive.new").id')
refuses 1 "database of 'new' was dropped: 'archive'" bough trash restore "$new"
json '.restored == "sales.new"' bough trash restore "$new" --as sales.new --json
for name in dev3 dev4 dev5 fix; do ok bough branch drop sales.orders/$name; done
ok bough table drop sales.new
json '.emptied == 0' bough trash empty --json
json '.errors == 0' bough fsck --json
json '.emptied == 6' bough trash empty --all --json
json 'length == 0' bough trash list --json
prints 'removed 0 entries' bough trash empty --all

json 'length == 0' bough log sales.orders --json
json '.tables == 1 and .refs == 1 and .clients_alive == 1' bough stat --json
json '.errors == 0' bough fsck --json
finish
