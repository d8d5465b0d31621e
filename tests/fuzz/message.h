/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: 2026 The Codex Jobs authors */
#pragma once

/* D-Bus messages out of bytes. sd-bus has checked what our parsers see: so the bytes are not a message but say
 * what is in one, a line an entry: a letter for the type, the name, '=', the value.
 *
 *   s o      text                        S Y     as and aay, of values with '|' between them
 *   t u i b  a number                    h p     a memfd with that content; a pipe
 *   y        ay                          v d     a variant in a variant; a struct
 *   a        an argument of the command, in front of all options
 *
 * "sKind=task", "SEnvironment=A=1|B=2", "a=ls". What is not UTF-8 in a text is replaced. */

#include <stdbool.h>
#include <systemd/sd-bus.h>

/* A message that has the argument list, if with_argv, and the dictionary; to be read from its beginning. The
 * caller unreferences it. */
sd_bus_message *fuzz_message(const uint8_t *data, size_t size, bool with_argv);
