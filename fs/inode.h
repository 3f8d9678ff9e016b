/*
 * Inode numbers: id * 32 + kind. Ids are unique in the store and never reused, so the daemon keeps
 * no inode table and numbers survive restarts: a kind's number is for ever.
 */
#pragma once
#include "meta/id.h"
#include <sys/stat.h>

enum fs_kind {
	FS_ROOT = 1,
	FS_BOUGH = 2,	  /* .bough/ */
	FS_FILE = 3,	  /* id: enum fs_file */
	FS_TRASH = 4,	  /* .bough/trash/ */
	FS_DB = 5,	  /* id: database */
	FS_TABLE = 6,	  /* id: table, as are the four below */
	FS_SS = 7,	  /* _ss/ */
	FS_REFS = 8,	  /* _refs/ */
	FS_SG = 9,	  /* _sg/ */
	FS_B = 10,	  /* _b/ */
	FS_REF = 11,	  /* id: ref, as are the two below (main has no FS_REF) */
	FS_DATA = 12,	  /* data/ */
	FS_HEAD = 13,	  /* HEAD */
	FS_SNAPSHOT = 14, /* id: snapshot */
	FS_SEGMENT = 15,
	FS_BLOCK = 16,
	FS_TRASHED = 17,  /* id: entry of the trash */
	FS_HEADLINK = 18, /* id: of fs/headlink, in this mount only */
	FS_STAGED = 19,	  /* id: of fs/spool, in this mount only */
	FS_KINDS
};

/** Files of .bough/: ids of FS_FILE. */
enum fs_file { FS_FILE_README, FS_FILE_VERSION, FS_FILE_STATS, FS_FILE_CONFIG, FS_FILE_ERRORS };
#define FS_FILES 5

#define FS_INO_ROOT 1
#define FS_BOUGH_NAME ".bough"

static inline uint64_t fs_ino(enum fs_kind kind, uint64_t id)
{
	return id * 32 + kind;
}

static inline uint64_t fs_ino_id(uint64_t ino)
{
	return ino / 32;
}

static inline enum fs_kind fs_ino_kind(uint64_t ino)
{
	return (enum fs_kind)(ino % 32);
}

/** fs_ino_valid() - could the tree ever show this number? */
bool fs_ino_valid(uint64_t ino);
/** fs_kind_type() - S_IFDIR, S_IFREG or S_IFLNK. */
mode_t fs_kind_type(enum fs_kind kind);
/** fs_file_name() - "README", "version" ... */
const char *fs_file_name(enum fs_file file);
