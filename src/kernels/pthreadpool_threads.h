// What pthreadpool_threads.c adds to pthreadpool's own interface.
#pragma once

#include <stddef.h>

#include <pthreadpool.h>

#ifdef __cplusplus
extern "C" {
#endif

// From now on at most `threads` threads work at a call, the caller's included: 1 to those of the pool.
// Not while a call runs.
void pthreadpool_limit_threads(struct pthreadpool* execution, size_t threads);

#ifdef __cplusplus
}
#endif
