// XNNPACK's own state, of which a process has one.
#pragma once

#include "src/base/result.h"

namespace beit {

// Prepares XNNPACK; calling it again does nothing. Error: kInternal when it refuses this machine.
Status initializeXnnpack();

}  // namespace beit
