/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A kernel in miniature, for the demonstration: the names and the kinds of types that a CO-RE
 * program asks for, none of the work. KERNEL_SERIES (510 or 606) changes a few of them, as the
 * years do, so that the same program needs the BTF to find its fields.
 */
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef signed char s8;
typedef short s16;
typedef int s32;
typedef long long s64;
typedef _Bool bool;
typedef unsigned long size_t;
typedef long long loff_t;
typedef u32 dev_t;
typedef u16 umode_t;
typedef u32 __be32;
typedef u16 __be16;
typedef u64 sector_t;
typedef int pid_t;
typedef long long ktime_t;

#define NULL ((void *)0)
#define __percpu __attribute__((section(".data..percpu"), used))
#define noinline __attribute__((noinline, used))

typedef struct { int counter; } atomic_t;
typedef struct { s64 counter; } atomic64_t;
typedef struct refcount_struct { atomic_t refs; } refcount_t;
struct list_head { struct list_head *next, *prev; };
struct hlist_node { struct hlist_node *next, **pprev; };
struct hlist_head { struct hlist_node *first; };
struct rb_node { unsigned long __rb_parent_color; struct rb_node *rb_right, *rb_left; };
struct rb_root { struct rb_node *rb_node; };
struct callback_head { struct callback_head *next; void (*func)(struct callback_head *head); };
typedef struct { volatile u32 slock; } arch_spinlock_t;
typedef struct raw_spinlock { arch_spinlock_t raw_lock; } raw_spinlock_t;
typedef struct spinlock { union { struct raw_spinlock rlock; }; } spinlock_t;
struct mutex { atomic64_t owner; raw_spinlock_t wait_lock; struct list_head wait_list; };
struct rw_semaphore { atomic64_t count, owner; struct list_head wait_list; };
struct wait_queue_head { spinlock_t lock; struct list_head head; };
typedef struct wait_queue_head wait_queue_head_t;
struct timespec64 { s64 tv_sec; long tv_nsec; };
struct timer_list { struct hlist_node entry; unsigned long expires; void (*function)(struct timer_list *); u32 flags; };
struct work_struct { atomic64_t data; struct list_head entry; void (*func)(struct work_struct *work); };
struct kref { refcount_t refcount; };

/* scheduler */
typedef struct { u32 val; } kuid_t;
typedef struct { u32 val; } kgid_t;
typedef struct kernel_cap_struct { u32 cap[2]; } kernel_cap_t;
enum pid_type { PIDTYPE_PID, PIDTYPE_TGID, PIDTYPE_PGID, PIDTYPE_SID, PIDTYPE_MAX };
enum cpu_state { CPU_DOWN = -1, CPU_IDLE, CPU_BUSY };
enum perf_sample_mask { PERF_SAMPLE_IP = 1, PERF_SAMPLE_TID = 2, PERF_SAMPLE_ALL = 0x8000000000000000ULL };

struct pid_namespace;
struct upid { int nr; struct pid_namespace *ns; };
struct pid {
	refcount_t count;
	unsigned int level;
	struct hlist_head tasks[PIDTYPE_MAX];
	struct callback_head rcu;
	struct upid numbers[1];
};
struct pid_namespace { struct kref kref; unsigned int level; struct pid_namespace *parent; struct task_struct *child_reaper; };
struct uts_namespace { char name[6][65]; };
struct net;
struct nsproxy {
	refcount_t count;
	struct uts_namespace *uts_ns;
	struct pid_namespace *pid_ns_for_children;
	struct net *net_ns;
};
struct cred {
	atomic_t usage;
	kuid_t uid, suid, euid, fsuid;
	kgid_t gid, sgid, egid, fsgid;
	kernel_cap_t cap_inheritable, cap_permitted, cap_effective;
	void *security;
};
struct load_weight { unsigned long weight; u32 inv_weight; };
struct sched_statistics { u64 wait_start, wait_max, wait_count, wait_sum; };
struct sched_entity {
	struct load_weight load;
	struct rb_node run_node;
	unsigned int on_rq;
	u64 exec_start, sum_exec_runtime, vruntime;
#if KERNEL_SERIES >= 606
	s64 vlag;
	u64 slice, deadline;
#endif
	struct sched_statistics statistics;
	struct sched_entity *parent;
};
struct rq;
struct task_struct;
struct sched_class {
	void (*enqueue_task)(struct rq *rq, struct task_struct *p, int flags);
	void (*dequeue_task)(struct rq *rq, struct task_struct *p, int flags);
	struct task_struct *(*pick_next_task)(struct rq *rq);
	bool (*yield_to_task)(struct rq *rq, struct task_struct *p);
};
struct rq { raw_spinlock_t lock; unsigned int nr_running; u64 clock; struct task_struct *curr, *idle; int cpu; enum cpu_state state; };
struct thread_info { unsigned long flags; u32 cpu; };
struct kernel_siginfo { int si_signo, si_errno, si_code; union { struct { pid_t _pid; kuid_t _uid; } _kill; struct { void *_addr; short _lsb; } _sigfault; } _sifields; };
struct signal_struct { refcount_t sigcnt; atomic_t live; struct list_head thread_head; struct pid *pids[PIDTYPE_MAX]; struct kernel_siginfo last; u64 utime, stime; };
struct mm_struct;
struct files_struct;
struct fs_struct;
struct css_set;
struct task_struct {
	struct thread_info thread_info;
#if KERNEL_SERIES >= 606
	unsigned int __state;
#else
	volatile long state;
#endif
	void *stack;
	refcount_t usage;
	unsigned int flags;
	int on_cpu, prio, static_prio;
	const struct sched_class *sched_class;
	struct sched_entity se;
	unsigned int policy;
	const unsigned long *cpus_ptr;
	struct list_head tasks;
	struct mm_struct *mm, *active_mm;
	int exit_state, exit_code;
	unsigned sched_reset_on_fork : 1;
	unsigned sched_contributes_to_load : 1;
	unsigned : 0;
	unsigned in_execve : 1;
	unsigned in_iowait : 1;
	pid_t pid, tgid;
	struct task_struct *real_parent, *parent;
	struct list_head children, sibling;
	struct task_struct *group_leader;
	struct pid *thread_pid;
	u64 utime, stime, start_time, start_boottime;
	const struct cred *real_cred, *cred;
	char comm[16];
	struct fs_struct *fs;
	struct files_struct *files;
	struct nsproxy *nsproxy;
	struct signal_struct *signal;
	struct css_set *cgroups;
	struct callback_head rcu;
	u64 (*clock)(const struct task_struct *self);
};
struct kernfs_node { const char *name; struct kernfs_node *parent; u64 id; umode_t mode; };
struct cgroup { int level; struct kernfs_node *kn; struct cgroup *ancestors[1]; };
struct css_set { struct cgroup *dfl_cgrp; refcount_t refcount; int nr_tasks; };

/* memory */
struct address_space;
struct file;
struct page {
	unsigned long flags;
	union {
		struct { struct list_head lru; struct address_space *mapping; unsigned long index, private; };
		struct { unsigned long compound_head; u8 compound_dtor, compound_order; atomic_t compound_mapcount; };
		struct callback_head callback_head;
	};
	union { atomic_t _mapcount; unsigned int page_type; };
	atomic_t _refcount;
};
#if KERNEL_SERIES >= 606
struct folio { union { struct { unsigned long flags; struct list_head lru; struct address_space *mapping; unsigned long index; }; struct page page; }; };
#endif
struct vm_fault { struct vm_area_struct *vma; unsigned long address; struct page *page; u32 flags; };
struct vm_operations_struct { void (*open)(struct vm_area_struct *area); void (*close)(struct vm_area_struct *area); u32 (*fault)(struct vm_fault *vmf); };
struct vm_area_struct {
	unsigned long vm_start, vm_end;
#if KERNEL_SERIES < 606
	struct vm_area_struct *vm_next, *vm_prev;
	struct rb_node vm_rb;
#endif
	struct mm_struct *vm_mm;
	unsigned long vm_flags, vm_pgoff;
	const struct vm_operations_struct *vm_ops;
	struct file *vm_file;
};
struct mm_rss_stat { atomic64_t count[4]; };
struct mm_struct {
#if KERNEL_SERIES < 606
	struct vm_area_struct *mmap;
	struct rb_root mm_rb;
#else
	void *mm_mt;
#endif
	unsigned long mmap_base, task_size;
	atomic_t mm_users, mm_count;
	int map_count;
	struct rw_semaphore mmap_lock;
	unsigned long total_vm, locked_vm, stack_vm;
	unsigned long start_code, end_code, start_data, end_data, start_brk, brk, start_stack;
	unsigned long arg_start, arg_end, env_start, env_end, saved_auxv[46];
	struct mm_rss_stat rss_stat;
	struct file *exe_file;
};

/* files */
struct qstr { union { struct { u32 hash, len; }; u64 hash_len; }; const unsigned char *name; };
struct inode;
struct super_block;
struct dentry;
struct dentry_operations { int (*d_revalidate)(struct dentry *, unsigned int); int (*d_hash)(const struct dentry *, struct qstr *); void (*d_release)(struct dentry *); };
struct dentry {
	unsigned int d_flags;
	struct dentry *d_parent;
	struct qstr d_name;
	struct inode *d_inode;
	unsigned char d_iname[32];
	const struct dentry_operations *d_op;
	struct super_block *d_sb;
	struct list_head d_child, d_subdirs;
};
struct vfsmount { struct dentry *mnt_root; struct super_block *mnt_sb; int mnt_flags; };
struct path { struct vfsmount *mnt; struct dentry *dentry; };
struct fs_struct { int users; spinlock_t lock; struct path root, pwd; };
struct kiocb { struct file *ki_filp; loff_t ki_pos; void (*ki_complete)(struct kiocb *iocb, long ret); int ki_flags; };
struct iovec { void *iov_base; size_t iov_len; };
struct iov_iter { u8 iter_type; size_t iov_offset, count; union { const struct iovec *iov; void *ubuf; }; unsigned long nr_segs; };
struct file_operations {
	loff_t (*llseek)(struct file *, loff_t, int);
	long (*read)(struct file *, char *, size_t, loff_t *);
	long (*write)(struct file *, const char *, size_t, loff_t *);
	long (*read_iter)(struct kiocb *, struct iov_iter *);
	int (*mmap)(struct file *, struct vm_area_struct *);
	int (*open)(struct inode *, struct file *);
	int (*release)(struct inode *, struct file *);
};
struct address_space { struct inode *host; unsigned long nrpages; const struct file_operations *a_ops; };
struct super_operations { struct inode *(*alloc_inode)(struct super_block *sb); void (*put_super)(struct super_block *); };
struct file_system_type { const char *name; int fs_flags; struct file_system_type *next; };
struct super_block { struct list_head s_list; dev_t s_dev; u8 s_blocksize_bits; unsigned long s_magic; struct file_system_type *s_type; const struct super_operations *s_op; struct dentry *s_root; char s_id[32]; };
struct inode {
	umode_t i_mode;
	kuid_t i_uid;
	kgid_t i_gid;
	unsigned int i_flags;
	struct super_block *i_sb;
	struct address_space *i_mapping;
	unsigned long i_ino;
	union { const unsigned int i_nlink; unsigned int __i_nlink; };
	dev_t i_rdev;
	loff_t i_size;
#if KERNEL_SERIES >= 606
	struct timespec64 i_atime, i_mtime, __i_ctime;
#else
	struct timespec64 i_atime, i_mtime, i_ctime;
#endif
	struct rw_semaphore i_rwsem;
	const struct file_operations *i_fop;
	void *i_private;
};
struct fown_struct { struct pid *pid; enum pid_type pid_type; kuid_t uid, euid; int signum; };
struct file { struct path f_path; struct inode *f_inode; const struct file_operations *f_op; atomic64_t f_count; unsigned int f_flags; umode_t f_mode; loff_t f_pos; struct fown_struct f_owner; const struct cred *f_cred; void *private_data; };
struct fdtable { unsigned int max_fds; struct file **fd; unsigned long *open_fds; };
struct files_struct { atomic_t count; struct fdtable *fdt; struct fdtable fdtab; struct file *fd_array[64]; };
struct linux_binprm { struct mm_struct *mm; struct file *file; struct cred *cred; int argc, envc; const char *filename, *interp; };

/* network */
struct in6_addr { union { u8 u6_addr8[16]; __be16 u6_addr16[8]; __be32 u6_addr32[4]; } in6_u; };
struct net_device_stats { unsigned long rx_packets, tx_packets, rx_bytes, tx_bytes, rx_dropped; };
enum netdev_tx { NETDEV_TX_OK = 0, NETDEV_TX_BUSY = 0x10 };
typedef enum netdev_tx netdev_tx_t;
struct sk_buff;
struct net_device;
struct net_device_ops { int (*ndo_open)(struct net_device *dev); netdev_tx_t (*ndo_start_xmit)(struct sk_buff *skb, struct net_device *dev); };
struct net { refcount_t passive; u64 net_cookie; struct list_head dev_base_head; struct net_device *loopback_dev; unsigned int inum; };
typedef struct { struct net *net; } possible_net_t;
struct net_device { char name[16]; unsigned long state; int ifindex; unsigned int flags, mtu; const struct net_device_ops *netdev_ops; struct net_device_stats stats; u8 dev_addr[6]; possible_net_t nd_net; };
struct sock_common {
	union { u64 skc_addrpair; struct { __be32 skc_daddr, skc_rcv_saddr; }; };
	union { u32 skc_portpair; struct { __be16 skc_dport; u16 skc_num; }; };
	u16 skc_family;
	volatile u8 skc_state;
	u8 skc_reuse : 4;
	u8 skc_reuseport : 1;
	u8 skc_ipv6only : 1;
	int skc_bound_dev_if;
	struct proto *skc_prot;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr, skc_v6_rcv_saddr;
};
struct sk_buff_head { struct sk_buff *next, *prev; u32 qlen; spinlock_t lock; };
struct socket;
struct sock { struct sock_common __sk_common; struct sk_buff_head sk_receive_queue, sk_write_queue; int sk_rcvbuf, sk_sndbuf, sk_err; u16 sk_type, sk_protocol; kuid_t sk_uid; struct socket *sk_socket; void (*sk_data_ready)(struct sock *sk); };
struct inet_sock { struct sock sk; __be32 inet_saddr; s16 uc_ttl; __be16 inet_sport; u8 recverr : 1, is_icsk : 1, freebind : 1; };
struct tcp_sock { struct inet_sock inet; u32 rcv_nxt, snd_nxt, snd_una, srtt_us, snd_cwnd; u64 bytes_received, bytes_acked; };
struct msghdr { void *msg_name; int msg_namelen; struct iov_iter msg_iter; unsigned int msg_flags; };
struct proto { int (*connect)(struct sock *sk, void *uaddr, int addr_len); int (*sendmsg)(struct sock *sk, struct msghdr *msg, size_t len); int (*recvmsg)(struct sock *sk, struct msghdr *msg, size_t len, int flags); char name[32]; };
struct proto_ops { int family; int (*bind)(struct socket *sock, void *addr, int len); int (*accept)(struct socket *sock, struct socket *other, int flags, bool kern); };
struct socket { u32 state; short type; unsigned long flags; struct file *file; struct sock *sk; const struct proto_ops *ops; };
struct sk_buff {
	union { struct { struct sk_buff *next, *prev; union { struct net_device *dev; unsigned long dev_scratch; }; }; struct rb_node rbnode; struct list_head list; };
	struct sock *sk;
	union { ktime_t tstamp; u64 skb_mstamp_ns; };
	char cb[48];
	unsigned int len, data_len;
	u16 mac_len, hdr_len;
	u8 cloned : 1, nohdr : 1, fclone : 2, peeked : 1;
	__be16 protocol;
	u32 priority, hash;
	u16 transport_header, network_header, mac_header;
	unsigned int tail, end;
	unsigned char *head, *data;
	refcount_t users;
};
struct iphdr { u8 ihl : 4, version : 4, tos; __be16 tot_len, id, frag_off; u8 ttl, protocol; u16 check; __be32 saddr, daddr; };

/* block devices */
struct gendisk { int major, first_minor, minors; char disk_name[32]; struct request_queue *queue; };
struct request_queue { struct mutex sysfs_lock; unsigned long queue_flags; u32 depth; struct gendisk *disk; };
struct bio_vec { struct page *bv_page; unsigned int bv_len, bv_offset; };
struct bio { struct bio *bi_next; unsigned int bi_opf; struct bio_vec *bi_io_vec; void (*bi_end_io)(struct bio *); sector_t bi_sector; };
struct request { struct request_queue *q; unsigned int cmd_flags, __data_len; sector_t __sector; struct bio *bio; u64 start_time_ns; struct gendisk *rq_disk; };
