/*
 * The thread that folds segments of large classes (protocol: Folding; refs/fold.h), of whatever
 * ref a commit of this process or another left with too many: one ref at a time, giving way to
 * others.
 */
#pragma once
#include "refs/store.h"

struct fs_folder;

/** fs_folder_start() - what is due by now, of all refs, is begun with. */
int fs_folder_start(struct refs_store *store, struct fs_folder **ret);
/** fs_folder_stop() - soon: what is under way is taken back; takes NULL. */
void fs_folder_stop(struct fs_folder *f);
