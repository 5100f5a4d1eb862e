/* SPDX-License-Identifier: GPL-2.0 */
/*
 * libfixbuf, loaded by the sink that encodes by it, and GLib, which it uses: Debian's libfixbuf
 * does not say so, and loads only where GLib is loaded already.
 */
#ifndef WEIR_FIXBUF_H
#define WEIR_FIXBUF_H

#include <fixbuf/public.h>

#include "base/library.h"

#define FIXBUF_FUNCTIONS(X)                                                                        \
	X(fbInfoModelAlloc)                                                                        \
	X(fbInfoModelFree)                                                                         \
	X(fbSessionAlloc)                                                                          \
	X(fbSessionFree)                                                                           \
	X(fbSessionSetDomain)                                                                      \
	X(fbSessionAddTemplate)                                                                    \
	X(fbSessionExportTemplate)                                                                 \
	X(fbTemplateAlloc)                                                                         \
	X(fbTemplateAppendSpecArray)                                                               \
	X(fbTemplateSetOptionsScope)                                                               \
	X(fbTemplateFreeUnused)                                                                    \
	X(fbExporterAllocBuffer)                                                                   \
	X(fbExporterGetMsgLen)                                                                     \
	X(fBufAllocForExport)                                                                      \
	X(fBufFree)                                                                                \
	X(fBufSetAutomaticMode)                                                                    \
	X(fBufSetExportTemplate)                                                                   \
	X(fBufSetInternalTemplate)                                                                 \
	X(fBufAppend)                                                                              \
	X(fBufEmit)

/* For its errors. */
#define GLIB_FUNCTIONS(X)                                                                          \
	X(g_clear_error)                                                                           \
	X(g_error_matches)                                                                         \
	X(g_quark_from_string)

extern struct libfixbuf {
	struct library library; /* library_load() it first: GLib comes with it */
#define X(name) typeof(name) *name;
	FIXBUF_FUNCTIONS(X)
#undef X
} libfixbuf;

extern struct libglib {
	struct library library;
#define X(name) typeof(name) *name;
	GLIB_FUNCTIONS(X)
#undef X
} libglib;

#endif
