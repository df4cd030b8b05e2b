/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel.h"

struct mm_struct init_mm = { .task_size = 1UL << 47 };
struct page *mem_map;
__percpu u64 vm_event_states[8];

noinline u32 handle_mm_fault(struct vm_area_struct *vma, unsigned long address, unsigned int flags)
{
	struct vm_fault fault = { .vma = vma, .address = address, .flags = flags };

	return vma->vm_ops->fault(&fault);
}

noinline unsigned long do_mmap(struct file *file, unsigned long addr, unsigned long len, u32 prot)
{
	init_mm.total_vm += len >> 12;
	init_mm.exe_file = file;
	return addr | prot;
}

noinline void mmput(struct mm_struct *mm) { mm->mm_users.counter--; }
noinline unsigned long page_private_of(const struct page *page) { return page->private; }

#if KERNEL_SERIES >= 606
noinline struct page *folio_page_of(struct folio *folio) { return &folio->page; }
#else
noinline struct vm_area_struct *find_vma(struct mm_struct *mm, unsigned long addr)
{
	struct vm_area_struct *vma = mm->mmap;

	while (vma && vma->vm_end <= addr)
		vma = vma->vm_next;
	return vma;
}
#endif
