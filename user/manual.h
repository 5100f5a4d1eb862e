/* SPDX-License-Identifier: GPL-2.0 */
/*
 * `weir help`: what the tables of commands and options know, as text, as manual pages' source
 * (scdoc) and as bash completion. So none of them can say something else than the command does.
 */
#ifndef WEIR_MANUAL_H
#define WEIR_MANUAL_H

#include "cmd.h"

/*
 * Answers `weir help WORD...`, argv[0] the first WORD: a command's name, --list (their names, one
 * a line), --man [COMMAND] or --completion. `commands` up to a NULL. An exit code.
 */
int manual_answer(int argc, char **argv, const struct cmd *const *commands);

#endif
