#include "fs/inode.h"

bool fs_ino_valid(uint64_t ino)
{
	enum fs_kind kind = fs_ino_kind(ino);
	uint64_t id = fs_ino_id(ino);

	if (kind < FS_ROOT || kind >= FS_KINDS || id > ID_MAX)
		return false;
	if (kind == FS_ROOT || kind == FS_BOUGH || kind == FS_TRASH)
		return id == 0;
	return kind == FS_FILE ? id < FS_FILES : id > 0;
}

mode_t fs_kind_type(enum fs_kind kind)
{
	switch (kind) {
	case FS_HEAD:
	case FS_HEADLINK:
		return S_IFLNK;
	case FS_FILE:
	case FS_SNAPSHOT:
	case FS_SEGMENT:
	case FS_BLOCK:
	case FS_STAGED:
		return S_IFREG;
	default:
		return S_IFDIR;
	}
}

const char *fs_file_name(enum fs_file file)
{
	static const char *const names[FS_FILES] = {
		[FS_FILE_README] = "README",
		[FS_FILE_VERSION] = "version",
		[FS_FILE_STATS] = "stats",
		[FS_FILE_CONFIG] = "config",
		[FS_FILE_ERRORS] = "errors",
	};

	return names[file];
}
