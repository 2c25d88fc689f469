// Memory that is refused at a chosen allocation, what is not given back, and the most that is held at once. CMake has the linker send
// malloc and its kin here (--wrap), and natively operator new is replaced, so that all of the test program is seen: the core and the
// containers of the standard library.
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

// Begins to count the bytes that are held.
void beginCounting();

// Returns the most bytes that were held at once since then, less those that were held then.
int64_t mostHeld();

}  // namespace beit::test
