/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel.h"

struct net init_net = { .inum = 1 };
struct proto tcp_prot = { .name = "TCP" };
__percpu struct sk_buff_head input_queue;

noinline int tcp_v4_connect(struct sock *sk, void *uaddr, int addr_len)
{
	sk->__sk_common.skc_daddr = *(__be32 *)uaddr;
	return addr_len > 4 ? 0 : -22;
}

noinline int tcp_sendmsg(struct sock *sk, struct msghdr *msg, size_t size)
{
	return sk->__sk_common.skc_prot->sendmsg(sk, msg, size);
}

noinline void tcp_rcv_established(struct sock *sk, struct sk_buff *skb)
{
	((struct tcp_sock *)sk)->bytes_received += skb->len;
	sk->sk_data_ready(sk);
}

noinline netdev_tx_t dev_hard_start_xmit(struct sk_buff *skb, struct net_device *dev)
{
	return dev->netdev_ops->ndo_start_xmit(skb, dev);
}

noinline __be32 ip_source(const struct sk_buff *skb)
{
	return ((const struct iphdr *)(skb->head + skb->network_header))->saddr;
}

noinline int sock_bind(struct socket *sock, void *addr, int len) { return sock->ops->bind(sock, addr, len); }
