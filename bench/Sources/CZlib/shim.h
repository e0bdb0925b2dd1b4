// zlib for messages that a server compressed, with a function for the macro that Swift cannot import.
#ifndef BENCH_CZLIB_H
#define BENCH_CZLIB_H

#include <zlib.h>

static inline int bench_inflate_init(z_stream *stream) { return inflateInit2(stream, -15); }

#endif
