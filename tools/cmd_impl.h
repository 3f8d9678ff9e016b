/* The functions behind the rows of bough.c's table of commands. */
#pragma once
#include "tools/cli_impl.h"

int cmd_init(struct cli *c);
int cmd_mount(struct cli *c);
int cmd_umount(struct cli *c);
int cmd_import(struct cli *c);

int cmd_db_create(struct cli *c);
int cmd_db_list(struct cli *c);
int cmd_db_show(struct cli *c);
int cmd_db_drop(struct cli *c);
int cmd_db_rename(struct cli *c);

int cmd_table_create(struct cli *c);
int cmd_table_list(struct cli *c);
int cmd_table_show(struct cli *c);
int cmd_table_drop(struct cli *c);
int cmd_table_rename(struct cli *c);

/* "branch" and "tag": the kind is the command's first word. */
int cmd_ref_create(struct cli *c);
int cmd_ref_list(struct cli *c);
int cmd_ref_show(struct cli *c);
int cmd_ref_drop(struct cli *c);
int cmd_ref_rename(struct cli *c);
int cmd_ref_protect(struct cli *c);
int cmd_ref_retain(struct cli *c);
int cmd_ref_reset(struct cli *c); /* only of a branch */

/* Of a branch, tag or table: the command's first word. */
int cmd_undrop(struct cli *c);
int cmd_trash_list(struct cli *c);
int cmd_trash_restore(struct cli *c);
int cmd_trash_empty(struct cli *c);

int cmd_log(struct cli *c);
int cmd_show(struct cli *c);
int cmd_stat(struct cli *c);
int cmd_sync(struct cli *c);
int cmd_fsck(struct cli *c);
int cmd_version(struct cli *c);
int cmd_help(struct cli *c);
