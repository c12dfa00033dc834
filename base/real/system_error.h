// errno in the words of the error table.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace vortex {

Code code_of_errno(int number);
// "open /a/b: No such file or directory" under the code that fits.
Error system_error(int number, std::string_view action, std::string_view object = {});

}  // namespace vortex
