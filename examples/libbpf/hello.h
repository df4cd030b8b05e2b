// SPDX-License-Identifier: Apache-2.0
#ifndef HELLO_H
#define HELLO_H

struct started {
	int pid;
	int parent;
	char comm[16];
};

#endif
