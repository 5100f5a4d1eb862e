/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Loops over millions of records are compiled for the processors of today beside those of 2003, and
 * the one that fits is taken when the program starts. What such a function calls has to be inline
 * for that: `cloned_inline`.
 */
#ifndef WEIR_CLONES_H
#define WEIR_CLONES_H

#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && __GNUC__ >= 12 &&            \
	!defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define cloned __attribute__((target_clones("arch=x86-64-v3", "default")))
#else
#define cloned
#endif
#define cloned_inline inline __attribute__((always_inline))

#endif
