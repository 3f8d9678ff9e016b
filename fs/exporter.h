/*
 * The thread that exports what is committed, by this process or another (protocol: "Export and
 * rebuild"): once a second when there is something. What it fails to do, it tries again.
 */
#pragma once
#include "refs/store.h"

struct fs_exporter;

/**
 * fs_exporter_start() - the first pass, for what others left, begins at once
 * @tick: called each second before a pass, for what else is to be done now and then; may be NULL
 */
int fs_exporter_start(
	struct refs_store *store, void (*tick)(void *arg), void *arg, struct fs_exporter **ret);
/**
 * fs_exporter_stop() - after a last pass, that has 10 s; takes NULL
 *
 * What is left is the next exporter's.
 */
void fs_exporter_stop(struct fs_exporter *e);
