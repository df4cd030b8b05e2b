/* SPDX-License-Identifier: Apache-2.0 */
/* A module: it stands in the package beside vmlinux, and must be passed over. */
struct xfs_perag { unsigned int pag_agno; unsigned long long pag_features; };
struct xfs_mount { struct xfs_perag *m_perag; unsigned int m_sectsize; };

__attribute__((noinline)) int xfs_fs_fill_super(struct xfs_mount *mount, struct xfs_perag *perag)
{
	mount->m_perag = perag;
	return mount->m_sectsize ? 0 : -22;
}
