// Where others reach this machine, when nobody said so.
#pragma once

#include <string>

namespace vortex {

// Does a listener there accept connections to every address of the machine?
bool is_wildcard(const std::string& host);
// The first address of an interface that is not the loopback's; the loopback's where there is none.
std::string own_address();

}  // namespace vortex
