// Files and connections that this process may have open at once.
#pragma once

#include <cstddef>

namespace vortex {

std::size_t descriptors_max();
// Asks the system for so many, or as many as it gives. Returns how many there are then, never fewer than before.
std::size_t raise_descriptors_max(std::size_t wanted);

}  // namespace vortex
