/* SPDX-License-Identifier: GPL-2.0 */
/* Sockets that are what was asked for, or die(). */
#ifndef WEIR_LOAD_SOCKET_H
#define WEIR_LOAD_SOCKET_H

#include <stdbool.h>

#include "address.h"

int open_socket(int family, int type, int protocol);
void must_bind(int fd, const union address *address);
void must_connect(int fd, const union address *address);
/* A full queue, or the report of an earlier packet's fate: nothing was sent, so send again. */
bool worth_retrying(int error);

#endif
