// The bytes that the program holds, counted as they are asked for. Natively with glibc and without a sanitizer, which
// has an allocator of its own: malloc and its kin are defined here, so that all of the test program is seen, XNNPACK and
// the containers of the standard library included.
#pragma once

#include <cstdint>
#include <cstdlib>  // says whether this is glibc

#if defined(__has_feature)
#define BEIT_HAS_FEATURE(feature) __has_feature(feature)
#else
#define BEIT_HAS_FEATURE(feature) 0
#endif
#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !BEIT_HAS_FEATURE(address_sanitizer) && \
    !BEIT_HAS_FEATURE(thread_sanitizer)
#define BEIT_COUNTS_MEMORY 1
#else
#define BEIT_COUNTS_MEMORY 0
#endif

namespace beit::test {

// Begins to count. To be called only where BEIT_COUNTS_MEMORY is 1, as the next.
void beginCounting();

// Returns the most bytes that were held at once since then, less those that were held then.
int64_t mostHeld();

}  // namespace beit::test
