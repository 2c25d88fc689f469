// XNNPACK's status codes as errors.
#pragma once

#include <xnnpack.h>

#include <string>

#include "src/base/result.h"

namespace beit {

// Returns the error for a status that is not success, for what `what` says was being done.
inline Error xnnpackError(const char* what, xnn_status status) {
  if (status == xnn_status_out_of_memory) return failure(ErrorCode::kOutOfMemory, what, "XNNPACK found no memory");
  return failure(ErrorCode::kInternal, what, "XNNPACK answered with status " + std::to_string(static_cast<int>(status)));
}

}  // namespace beit
