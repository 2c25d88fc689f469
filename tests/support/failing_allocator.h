// Memory that is refused at a chosen allocation, and what is not given back. CMake has the linker send malloc and its kin
// here (--wrap), and natively operator new is replaced, so that all of the test program is seen: the core,
// XNNPACK, the containers of the standard library.
#pragma once

#include <cstdint>

namespace beit::test {

// Refuses one allocation of this thread from now on: the one after `granted` others.
void refuseAllocation(int64_t granted);

struct AllocationCount {
  int64_t here = 0;       // allocations of the thread that called refuseAllocation(), the refused one included
  int64_t elsewhere = 0;  // of other threads
  bool refused = false;
  int64_t left = 0;  // blocks that were given and not given back
};

// Returns what was asked for and given since.
AllocationCount allocationsSince();

// Ends it, and returns the same.
AllocationCount grantAll();

}  // namespace beit::test
