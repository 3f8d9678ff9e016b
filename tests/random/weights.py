"""How often each operation comes."""

WEIGHTS = {
    "mkdir_db": 2, "rmdir_db": 1, "mv_db": 1, "mkdir_table": 3, "rmdir_table": 1.5, "mv_table": 1.5,
    "mkdir_ref": 11, "rmdir_ref": 8, "mv_ref": 8, "chmod": 2, "retain": 2,
    "head": 18, "ln_snapshot": 12, "rm_snapshot": 12, "mv_trash": 6,
    "data_rm": 12, "data_mv": 7, "data_ln": 8, "data_mv_across": 5,
    "write": 14, "write_again": 3, "write_dropped": 1, "write_staged": 6,
    "import": 4, "cli_table": 1.5, "cli_undrop_table": 1.5, "cli_db": 0.5, "cli_create": 3,
    "cli_drop": 2, "cli_rename": 1, "cli_reset": 2, "cli_protect": 2, "cli_retain": 0.7,
    "cli_undrop": 1.5, "cli_trash": 1.5,
}
# The shared table's main; all that it needs is done by one.
WEIGHTS_OF_MAIN = {
    "head": 4, "rm_snapshot": 1, "import": 2, "data_rm": 3, "data_mv": 1, "write": 2,
    "write_staged": 1, "cli_reset": 1, "cli_protect": 0.5, "retain": 0.3,
}
