/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel.h"

struct file_system_type *file_systems;
struct fs_struct init_fs;
struct files_struct init_files;

noinline long vfs_read(struct file *file, char *buf, size_t count, loff_t *pos)
{
	return file->f_op->read(file, buf, count, pos);
}

noinline long vfs_write(struct file *file, const char *buf, size_t count, loff_t *pos)
{
	return file->f_op->write(file, buf, count, pos);
}

noinline int vfs_open(const struct path *path, struct file *file)
{
	file->f_path = *path;
	file->f_inode = path->dentry->d_inode;
	return file->f_op->open(file->f_inode, file);
}

noinline int bprm_execve(struct linux_binprm *bprm, int fd, const char *filename, int flags)
{
	bprm->filename = filename;
	bprm->file = init_files.fdt->fd[fd];
	return flags;
}

noinline struct inode *new_inode(struct super_block *sb) { return sb->s_op->alloc_inode(sb); }

noinline u64 inode_changed(const struct inode *inode)
{
#if KERNEL_SERIES >= 606
	return (u64)inode->__i_ctime.tv_sec;
#else
	return (u64)inode->i_ctime.tv_sec;
#endif
}

noinline void submit_bio(struct bio *bio) { bio->bi_end_io(bio); }
noinline void blk_account_io_done(struct request *req, u64 now) { req->start_time_ns = now; }
