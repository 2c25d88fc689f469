// How long a product of fixed size takes with so many threads: what tells how many the system really runs.
#pragma once

#include "src/base/result.h"
#include "src/kernels/execution.h"

namespace beit {

// Limits the pool to `threads` (1..pool.threads()), does products of 17 million multiplications and additions
// for ten milliseconds, and returns the seconds that each took. Error: kOutOfMemory.
Result<double> timeThreads(const Execution& execution, int threads);

}  // namespace beit
