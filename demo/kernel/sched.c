/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel.h"

__percpu struct rq runqueues;
__percpu struct task_struct *current_task;
__percpu int cpu_number;
struct pid_namespace init_pid_ns;
struct cgroup cgrp_dfl_root;
enum perf_sample_mask sysctl_perf_mask = PERF_SAMPLE_IP;

noinline u64 sched_clock(const struct task_struct *self) { return self->utime + self->stime; }

noinline void enqueue_task_fair(struct rq *rq, struct task_struct *p, int flags)
{
	p->se.on_rq = (u32)flags + 1;
	rq->nr_running++;
}

noinline void dequeue_task_fair(struct rq *rq, struct task_struct *p, int flags)
{
	p->se.on_rq = (u32)flags;
	rq->nr_running--;
}

noinline struct task_struct *pick_next_task_fair(struct rq *rq) { return rq->nr_running ? rq->curr : rq->idle; }
noinline bool yield_to_task_fair(struct rq *rq, struct task_struct *p) { return rq->curr != p; }

const struct sched_class fair_sched_class = {
	.enqueue_task = enqueue_task_fair,
	.dequeue_task = dequeue_task_fair,
	.pick_next_task = pick_next_task_fair,
	.yield_to_task = yield_to_task_fair,
};

struct task_struct init_task = { .comm = "swapper/0", .sched_class = &fair_sched_class, .clock = sched_clock };

noinline int wake_up_process(struct task_struct *p)
{
	p->sched_class->enqueue_task(&runqueues, p, 0);
	return p->pid;
}

noinline void do_exit(long code)
{
	current_task->exit_code = (int)code;
	current_task->flags |= 4;
}

noinline struct pid *get_task_pid(struct task_struct *task, enum pid_type type)
{
	return type == PIDTYPE_PID ? task->thread_pid : task->signal->pids[type];
}

noinline void set_task_comm(struct task_struct *task, const char *buf, bool exec)
{
	for (size_t i = 0; i < sizeof(task->comm) - 1 && buf[i]; i++)
		task->comm[i] = buf[i];
	task->in_execve = exec;
}

noinline struct cgroup *task_cgroup(const struct task_struct *task) { return task->cgroups->dfl_cgrp; }
noinline u32 from_kuid(const struct uts_namespace *ns, kuid_t uid) { return ns ? uid.val : 0; }

#if KERNEL_SERIES >= 606
noinline u64 avg_vruntime(const struct sched_entity *se) { return se->vruntime + (u64)se->vlag; }
#endif

/* Where the linker wants a program to begin. */
void start_kernel(void)
{
	current_task = &init_task;
	wake_up_process(current_task);
	do_exit(0);
}
