#include "src/kernels/convolution/xnnpack_runtime.h"

#include "src/kernels/convolution/xnnpack_status.h"

namespace beit {

Status initializeXnnpack() {
  const xnn_status status = xnn_initialize(nullptr);
  if (status != xnn_status_success) return xnnpackError("Start", status);
  return {};
}

}  // namespace beit
