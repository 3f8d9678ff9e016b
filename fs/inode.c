typedef int fs_nothing_yet;
