#include <zlib.h>

// Macros in zlib, which Swift cannot call. Raw DEFLATE: no header, no checksum.
static inline int hub_inflate_init(z_stream *stream) {
    return inflateInit2(stream, -15);
}
static inline int hub_deflate_init(z_stream *stream, int level, int window_bits, int memory_level) {
    return deflateInit2(stream, level, Z_DEFLATED, -window_bits, memory_level, Z_DEFAULT_STRATEGY);
}
