/* bough sync: the objects alone are enough from here on. */
#include "refs/export.h"
#include "tools/cmd_impl.h"

int cmd_sync(struct cli *c)
{
	struct refs_store *s cleanup(refs_store_close_p) = NULL;
	struct json_object *out auto_json = NULL;
	struct refs_exported done;
	int r = cli_open(c, &s);

	if (!r)
		r = refs_export_wait(s, &done, &c->error);
	if (r)
		return cli_finish(c, r);
	out = cli_object();
	cli_add_number(out, "commit", done.commit);
	cli_add_number(out, "marker", done.marker);
	cli_add_number(out, "refs", done.refs);
	cli_add_number(out, "snapshots", done.snapshots);
	cli_add_number(out, "segments", done.segments);
	if (c->json)
		cli_print_json(out);
	else if (done.refs)
		printf("exported %llu ref%s, %llu snapshot%s, %llu segment%s\n",
			(unsigned long long)done.refs, cli_s(done.refs),
			(unsigned long long)done.snapshots, cli_s(done.snapshots),
			(unsigned long long)done.segments, cli_s(done.segments));
	else
		printf("everything is exported\n");
	return 0;
}
